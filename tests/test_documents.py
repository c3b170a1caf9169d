"""The tables in the documents say what stands in the code."""

import pytest

import pipeline
from components.core.parameters import PARAMETERS
from tests import documents


@pytest.mark.parametrize("path", documents.TABLES)
def test_a_document_s_table_is_as_the_code_says(path):
    text = (documents.ROOT / path).read_text()

    assert documents.TABLES[path]() in text, "python -m tests.documents writes it anew"


def test_every_parameter_of_the_pipeline_has_a_description_and_no_other_has():
    graphs = (pipeline.build, pipeline.build_predict)

    assert set(PARAMETERS) == {name for build in graphs for name in build().component_spec.inputs}
