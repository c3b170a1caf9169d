# The images: built with docker or buildah (BUILDER=…), named after their content, pushed to REGISTRY=….

.PHONY: images
images: $(INSTALLED) ## Build the images; BUILDER=buildah without docker, GPU=1 with CUDA, REGISTRY=… to push later
	@BUILDER="$(BUILDER)" REGISTRY="$(REGISTRY)" GPU="$(GPU)" $(BIN)/python -m command_line.images build

.PHONY: push
push: $(INSTALLED) ## Push the images to REGISTRY=… and remember their digests
	@BUILDER="$(BUILDER)" REGISTRY="$(REGISTRY)" GPU="$(GPU)" $(BIN)/python -m command_line.images push

.PHONY: upload
upload: $(INSTALLED) ## Upload the pipeline, or a new version of it: ARGS="--host URL …"
	@$(BIN)/python pipeline.py upload $(ARGS)

.PHONY: schedule
schedule: $(INSTALLED) ## Run the pipeline on Kubeflow regularly: ARGS='--host URL --cron "0 0 3 * * *" …'
	@$(BIN)/python pipeline.py schedule $(ARGS)

.PHONY: image-test
image-test: $(INSTALLED) ## Build all images and run each as its own user with a read-only root; needs root
	@$(BIN)/python -m tests.image_test
