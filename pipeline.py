"""The pipeline, stated once.

No edge leads from the test split to `tune` or `train`: no choice can be made on it.
"""

from kfp import dsl

from cluster.options import ClusterOptions
from cluster.placement import pipeline_config, place_tasks
from components.core.descriptions import described
from components.core.parameters import DEFAULT_TEST_FRACTION
from components.deploy.component import deploy
from components.evaluate.component import evaluate
from components.predict.component import predict
from components.prepare.component import prepare
from components.promote.component import promote
from components.track.component import track
from components.train.component import train
from components.tune.component import tune

NAME = "fashion-tuner"
PREDICT_DESCRIPTION = "Ask the model in service about all that a data source holds"
DESCRIPTION = "Tune, train and evaluate a Keras network; register and promote it where a registry is named"


def build(options: ClusterOptions | None = None, state_dir: str = "") -> dsl.graph_component.GraphComponent:
    """Return the pipeline: `options` on each task, state in `state_dir`, as the steps see it, if any."""
    options = options or ClusterOptions()

    @dsl.pipeline(name=NAME, description=DESCRIPTION, pipeline_config=pipeline_config(options))
    @described
    def pipeline(
        data_source: str = "fashion-mnist",
        validation_fraction: float = 0.1,
        test_fraction: float = DEFAULT_TEST_FRACTION,
        image_size: str = "",
        max_trials: int = 16,
        trial_epochs: int = 9,
        trial_time_limit_s: int = 0,
        stop_trials_early: bool = True,
        round_size: int = 0,
        time_budget_s: int = 0,
        workers: int = 0,
        pods: int = 0,
        dask_scheduler: str = "",
        worker_timeout_s: int = 1800,
        dashboard: bool = False,
        finalists: int = 0,
        training_epochs: int = 30,
        early_stopping_patience: int = 10,
        refit: bool = False,
        seed: int = 0,
        warm_start: str = "",
        registry: str = "",
        minimum_accuracy: float = 0.0,
        promotion_level: float = 0.05,
        promotion_margin: float = 0.0,
        promotion_class_loss: float = 0.03,
        other_interface: bool = False,
        export: str = "",
        model_registry: str = "",
        inference_service: str = "",
        deployment: bool = False,
        canary_percent: int = 0,
        ready_timeout_s: int = 900,
        mlflow: str = "",
    ) -> None:
        shares = {"validation_fraction": validation_fraction, "test_fraction": test_fraction}
        prepared = prepare(data_source=data_source, image_size=image_size, seed=seed, **shares)
        everywhere = {"workers": workers, "seed": seed, "state_dir": state_dir}
        tuned = tune(
            training_data=prepared.outputs["training_data"],
            max_trials=max_trials,
            trial_epochs=trial_epochs,
            trial_time_limit_s=trial_time_limit_s,
            stop_trials_early=stop_trials_early,
            round_size=round_size,
            n_finalists=finalists,
            training_epochs=training_epochs,
            time_budget_s=time_budget_s,
            pods=pods,
            dask_scheduler=dask_scheduler,
            worker_timeout_s=worker_timeout_s,
            dashboard=dashboard,
            warm_start=warm_start,
            **everywhere,
        )
        trained = train(
            training_data=prepared.outputs["training_data"],
            finalists=tuned.outputs["finalists"],
            early_stopping_patience=early_stopping_patience,
            refit=refit,
            **everywhere,
        )
        evaluated = evaluate(
            test_data=prepared.outputs["test_data"],
            model=trained.outputs["model"],
            history=trained.outputs["history"],
            trials=tuned.outputs["trials"],
        )
        with dsl.If(mlflow != "", name="an MLflow server is named"):
            track(
                model=trained.outputs["model"],
                history=trained.outputs["history"],
                trials=tuned.outputs["trials"],
                evaluation=evaluated.outputs["evaluation"],
                report=evaluated.outputs["report"],
                mlflow=mlflow,
                run=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
            )
        with dsl.If(registry != "", name="a registry is named"):
            promoted = promote(
                model=trained.outputs["model"],
                test_data=prepared.outputs["test_data"],
                report=evaluated.outputs["report"],
                model_card=evaluated.outputs["model_card"],
                registry=registry,
                run=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
                minimum_accuracy=minimum_accuracy,
                promotion_level=promotion_level,
                promotion_margin=promotion_margin,
                promotion_class_loss=promotion_class_loss,
                other_interface=other_interface,
                export=export,
                model_registry=model_registry,
            )
            with dsl.If(inference_service != "", name="a service is named"):
                deploy(
                    registry=registry,
                    inference_service=inference_service,
                    deployment=deployment,
                    canary_percent=canary_percent,
                    ready_timeout_s=ready_timeout_s,
                ).after(promoted)
        place_tasks(options)

    return pipeline


def build_predict(options: ClusterOptions | None = None, state_dir: str = "") -> dsl.graph_component.GraphComponent:
    """Return the pipeline that asks the model in service about a data source, for a schedule."""
    options = options or ClusterOptions()

    @dsl.pipeline(name=f"{NAME}-predict", description=PREDICT_DESCRIPTION, pipeline_config=pipeline_config(options))
    @described
    def pipeline(
        data_source: str,
        registry: str,
        version: int = 0,
        all_probabilities: bool = False,
        resize: bool = False,
    ) -> None:
        predict(
            data_source=data_source,
            registry=registry,
            version=version,
            all_probabilities=all_probabilities,
            resize=resize,
        )
        place_tasks(options)

    return pipeline


if __name__ == "__main__":
    from command_line.main import main

    main(build, {"predict": build_predict})
