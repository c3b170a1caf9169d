# docker buildx bake -f docker/docker-bake.hcl: the four images. `make images` sets their tags from their content.

variable "PYTHON_IMAGE" {
  default = "docker.io/library/python:3.11-slim-bookworm"
}

# Anything but nothing: with CUDA, for tune and train.
variable "GPU" {
  default = ""
}

group "default" {
  targets = ["prepare", "tune", "train", "evaluate"]
}

target "step" {
  context    = "."
  dockerfile = "docker/Dockerfile"
  args = {
    PYTHON_IMAGE = PYTHON_IMAGE
    GPU          = GPU
  }
}

target "prepare" {
  inherits = ["step"]
  args     = { STEP = "prepare" }
  tags     = ["fashion-tuner-prepare:dev"]
}

target "tune" {
  inherits = ["step"]
  args     = { STEP = "tune" }
  tags     = ["fashion-tuner-tune:dev"]
}

target "train" {
  inherits = ["step"]
  args     = { STEP = "train" }
  tags     = ["fashion-tuner-train:dev"]
}

target "evaluate" {
  inherits = ["step"]
  args     = { STEP = "evaluate" }
  tags     = ["fashion-tuner-evaluate:dev"]
}
