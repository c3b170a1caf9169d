"""A report as its readers find it: elements, text and tables."""

import html.parser

from components.evaluate.report import render

VOID = {"meta", "br", "wbr"}


class Document(html.parser.HTMLParser):
    """What a page holds: its elements, its text, its tables, and any tag that is not closed in its place."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.rows, self.misplaced, self._open = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._open += [tag] if tag not in VOID else []
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if self._open.pop() != tag:
            self.misplaced.append(tag)

    def handle_data(self, data):
        self.texts.append(data)
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data

    @property
    def figures(self):
        return [attributes["id"] for tag, attributes in self.elements if tag == "figure"]


def parsed(inputs):
    return Document(render(inputs))


def text_in(inputs):
    """Return a page's text, without the places where its lines break."""
    return " ".join("".join(parsed(inputs).texts).split())
