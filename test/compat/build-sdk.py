"""Builds with Docker's SDK for Python: build-sdk.py DIRECTORY; each step prints a line."""
import io
import sys

import docker
from docker.errors import BuildError

directory = sys.argv[1]
client = docker.from_env(timeout=60)


def same(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"{what}: {found!r}, wanted {wanted!r}")


image, log = client.images.build(
    path=directory, tag="py:1", buildargs={"WHO": "python"}, labels={"by": "py"}, rm=True, target="web"
)
text = "".join(line.get("stream", "") for line in log)
same("tags", image.tags, ["py:1"])
same("label", image.labels["by"], "py")
same("output", client.containers.run("py:1", "cat /who", remove=True), b"python\n")
same("told", "Successfully tagged py:1" in text, True)
print("directory", flush=True)

again, log = client.images.build(path=directory, buildargs={"WHO": "python"}, labels={"by": "py"}, target="web")
same("cached", again.id, image.id)
print("cache", flush=True)

alone, _ = client.images.build(fileobj=io.BytesIO(b"FROM busybox\nRUN echo alone > /who\n"), tag="py:2")
same("alone", client.containers.run("py:2", "cat /who", remove=True), b"alone\n")
print("fileobj", flush=True)

try:
    client.images.build(fileobj=io.BytesIO(b"FROM busybox\nRUN echo why; exit 7\n"))
    raise SystemExit("no error")
except BuildError as error:
    same("error", error.msg, "The command '/bin/sh -c echo why; exit 7' returned a non-zero code: 7")
    same("log", any("why" in line.get("stream", "") for line in error.build_log), True)
print("errors", flush=True)

raw = client.api.build(fileobj=io.BytesIO(b"FROM busybox\nRUN true\n"), decode=True, container_limits={"memory": 64 << 20})
same("raw", any("Successfully built" in line.get("stream", "") for line in raw), True)
client.api.prune_builds()
print("low level", flush=True)
