"""Builds the images for real and runs the contract in them: `make image-test`, as root.

Each step runs in its image as the image's own user, in the image's own environment and working directory, with the
root file system read-only, `/tmp` empty and in memory, and the object store's folder `/minio` as KFP mounts it. That
needs buildah and nothing else: no daemon, no network but the package index. Where the Python image can't be pulled,
Debian's own Python 3.11 stands in for it, under a name of its own, so that no image for use is built on it.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests

import pipeline
from components.steps import IMAGES
from images import builder, contents, references
from images.secrets import build_secrets
from tests import contract, serving

BASE_PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
STAND_IN = "localhost/python-of-debian:bookworm"
STORE = "minio://mlpipeline/v2/artifacts"
ON_FULL_DISK = {"promote": {"registry": "/minio/full/registry"}}
"""Parameters by which a step whose outputs are small writes more to the full disk."""

NEEDS_A_CLUSTER = "inference_service must be empty in a run on this machine"
"""What the step that deploys says where it was told of no server's image."""


def main():
    if os.geteuid() != 0:
        sys.exit("image-test must be run as root, since it mounts file systems; try sudo make image-test")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as root:  # on the disk that holds buildah's images, too
        _build_and_test(Path(root))


def _build_and_test(root):
    started = time.monotonic()
    _need("buildah")
    _choose_storage(root)
    os.environ["PYTHON_IMAGE"] = _base()
    print(f"{builder.python_image()} is there ({time.monotonic() - started:.0f} s)", flush=True)
    names = references.image_references()
    content = {name: contents.app_files(name) for name in IMAGES}
    with build_secrets() as secrets:
        for name in IMAGES:
            builder.build("buildah", name, names[name], gpu=False, secrets=secrets)
    print(f"all images are built ({time.monotonic() - started:.0f} s)", flush=True)
    (root / "minio").mkdir()
    (root / "minio").chmod(0o777)
    for name in IMAGES:
        with _Container(names[name]) as container:
            _check_image(name, container, content[name])
            TESTS.get(name, _test_step)(name, container, root)
        print(f"{name}: {names[name]} keeps the contract", flush=True)
    print(f"all images keep the contract ({time.monotonic() - started:.0f} s)")


def _test_step(step, container, root):
    """Run a step in its image, then run it again on a full disk; `minio` in `root` is what the steps share."""
    _test_done(step, container, root)
    full = contract.task(step, STORE, into="minio://full", **ON_FULL_DISK.get(step, {}))
    done = container.run(full.command, root, full_disk=True)
    _expect(done, 1, f"{step} did not fail on a full disk")
    assert "No space left on device" in done.stdout, f"{step} does not say that the disk is full:\n{done.stdout}"


def _test_done(step, container, root, graph=pipeline.build):
    """Run a step in its image and check what it leaves."""
    task = contract.task(step, STORE, graph=graph)
    _expect(container.run(task.command, root), 0, f"{step} failed")
    contract.check(task, folder=root)


def _test_predict(step, container, root):
    _test_done(step, container, root, pipeline.build_predict)


def _test_deploy(step, container, root):
    """Run the step as far as it comes without a cluster."""
    done = container.run(contract.task(step, STORE).command, root)
    assert done.returncode and NEEDS_A_CLUSTER in done.stdout, done.stdout


def _test_serve(name, container, root):
    """Have the server answer, and end when it is told to."""
    port = serving.free_port()
    words = ("--registry", contract.SMALL["registry"], "--version", "1", "--port", str(port))
    with container.started(("python3", "-m", "components.serve", *words), root) as process:
        answered = _answer(process, f"http://127.0.0.1:{port}/v1/models/model:predict")
        assert answered["model_version"] == "1" and len(answered["predictions"][0]["probabilities"]) == 10


def _answer(process, address):
    """Return the answer to a request, once there is one."""
    while process.poll() is None:
        with contextlib.suppress(requests.ConnectionError):
            return requests.post(address, json={"instances": [[[0] * 28] * 28]}, timeout=30).json()
        time.sleep(0.2)
    sys.exit(f"serve ended before it answered:\n{process.communicate()[0]}")


TESTS = {"deploy": _test_deploy, "track": _test_done, "serve": _test_serve, "predict": _test_predict}
"""How an image is tested, where not as `_test_step` does."""


def _check_image(step, container, content):
    """Check user, files and packages of an image against what it was built from.

    Raises:
        AssertionError: one of them is not as it must be.
    """
    assert container.user == "10001:10001", f"{step} runs as {container.user!r}"
    assert container.labels["org.opencontainers.image.title"] == f"fashion-tuner-{step}"
    app = container.root / "app"
    found = {str(path.relative_to(app)): path.read_bytes() for path in app.rglob("*") if path.is_file()}
    assert found == content, f"{step} holds other files than its tag says: {sorted(found)}"
    left = [name for name in ("gcc", "make", "cc") if list(container.root.glob(f"usr/bin/{name}"))]
    assert not left, f"{step} holds build tools: {left}"
    caches = [path for name in ("root/.cache", "tmp") for path in (container.root / name).glob("*")]
    assert not caches, f"{step} holds what the build left: {caches}"
    _expect(
        container.run(("python3", "-c", contract.imports_none_of(step)), None), 0, f"{step} holds a foreign package"
    )


class _Container:
    """A container of an image, mounted: its root folder, and what its configuration says."""

    def __init__(self, reference):
        self._reference = reference

    def __enter__(self):
        self._name = _output("buildah", "from", "--pull=false", self._reference)
        self.root = Path(_output("buildah", "mount", self._name))
        config = json.loads(_output("buildah", "inspect", self._name))["OCIv1"]["config"]
        self.user, self.folder, self.labels = config["User"], config["WorkingDir"], config["Labels"]
        self.environment = dict(setting.split("=", 1) for setting in config["Env"])
        return self

    def __exit__(self, *_):
        _output("buildah", "rm", self._name)

    def run(self, command, shared, full_disk=False):
        """Return the finished process of a command, run as the image's user with a read-only root.

        Args:
            command: the command with its arguments.
            shared: folder whose `minio` is mounted at `/minio`, or None.
            full_disk: whether 16 KiB in memory are what there is at `/minio/full`.
        """
        words = self._words(command, shared, full_disk)
        return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    @contextlib.contextmanager
    def started(self, command, shared):
        """Yield the process of a command, run as by `run`, which ends with the block."""
        words = self._words(command, shared)
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                yield process
            finally:
                process.kill()  # `unshare`, with which all of its processes end

    def _words(self, command, shared, full_disk=False):
        mounts = ["mount --make-rprivate /", f"mount --bind {self.root} {self.root}"]
        (self.root / "minio").mkdir(exist_ok=True)
        mounts += [f"mount -t tmpfs -o mode=1777 tmpfs {self.root}/tmp", f"mount -t proc proc {self.root}/proc"]
        mounts += [f"mount --rbind /dev {self.root}/dev"]
        if shared:
            mounts += [f"mount --bind {shared}/minio {self.root}/minio", f"mkdir -p -m 777 {self.root}/minio/full"]
        if full_disk:
            mounts += [f"mount -t tmpfs -o mode=1777,size=16k tmpfs {self.root}/minio/full"]
        mounts += [f"mount -o remount,bind,ro {self.root}"]
        inside = ["chroot", f"--userspec={self.user}", str(self.root), "env", "-i", f"--chdir={self.folder}"]
        inside += [f"{name}={value}" for name, value in self.environment.items()]
        script = " && ".join([*mounts, 'exec "$@"'])
        isolated = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        return [*isolated, "sh", "-c", script, "sh", *inside, *command]


def _expect(done, status, complaint):
    if done.returncode != status:
        sys.exit(f"{complaint} (exit status {done.returncode}):\n{done.stdout}")


def _need(program):
    """Install a program from Debian's packages when it is missing."""
    if shutil.which(program) is None:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", program], check=True)


def _base():
    """Return the name of an image with Python in the local store: the real one, or else Debian's Python."""
    image = builder.python_image()
    if _is_there(image) or _works("timeout", "120", "buildah", "pull", "--quiet", image):
        return image
    print(f"{image} can't be pulled; Debian's own Python stands in for it", flush=True)
    if not _is_there(STAND_IN):
        _make_stand_in()
    return STAND_IN


def _is_there(image):
    return _works("buildah", "inspect", "--type=image", image)


def _make_stand_in():
    _need("debootstrap")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "root")
        command = ("debootstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", "bookworm", str(root))
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for path in ("tmp", "root/.cache", "var/cache/apt"):
            shutil.rmtree(root / path, ignore_errors=True)
        (root / "tmp").mkdir()
        (root / "tmp").chmod(0o1777)
        container = _output("buildah", "from", "scratch")
        _output("buildah", "add", "--quiet", container, str(root), "/")
        _output("buildah", "commit", "--quiet", "--rm", container, STAND_IN)


def _choose_storage(folder):
    """Have buildah copy every layer (vfs) where this kernel mounts no overlay, as in a container without the right."""
    for name in ("lower", "upper", "work", "merged"):
        (folder / name).mkdir()
    layers = f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work"
    if _works("mount", "-t", "overlay", "overlay", "-o", layers, f"{folder}/merged"):
        _output("umount", f"{folder}/merged")
    elif "CONTAINERS_STORAGE_CONF" not in os.environ:
        places = {"driver": "vfs", "graphroot": "/var/lib/containers/vfs", "runroot": "/run/containers/vfs"}
        lines = ["[storage]", *(f'{name} = "{value}"' for name, value in places.items())]
        (folder / "storage.conf").write_text("\n".join(lines))
        os.environ["CONTAINERS_STORAGE_CONF"] = str(folder / "storage.conf")


def _works(*command):
    return subprocess.run(command, capture_output=True).returncode == 0


def _output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


if __name__ == "__main__":
    main()
