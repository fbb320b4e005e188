"""An ordinary program on Docker's SDK for Python; its one argument is the API version or `auto`.

Every step prints a line; the first that is wrong ends it.
"""
import io
import sys
import tarfile
import threading

import docker

version = sys.argv[1]
client = docker.from_env(version=version, timeout=60)
api = client.api


def same(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"{what}: {found!r}, wanted {wanted!r}")


def since(wanted):
    return docker.utils.version_gte(api._version, wanted)


def step(what):
    print(what, flush=True)


def tar_of(name, content):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        entry.mode = 0o640
        archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def untar(parts):
    packed = io.BytesIO(b"".join(parts))
    with tarfile.open(fileobj=packed) as archive:
        return {e.name: archive.extractfile(e).read() for e in archive if e.isfile()}


forever = ["sh", "-c", "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done"]

same("ping", client.ping(), True)
same("negotiated", api._version, version if version != "auto" else client.version()["ApiVersion"])
same("os", client.info()["OSType"], "linux")
same("images", client.images.list()[0].tags, ["busybox:latest"])
step("system")

same("run", client.containers.run("busybox", "echo hello", remove=True), b"hello\n")
script = ["sh", "-c", "echo out; echo err >&2"]
both = client.containers.run("busybox", script, stdout=True, stderr=True, remove=True)
same("run, both streams", sorted(both.split()), [b"err", b"out"])
lines = client.containers.run("busybox", ["sh", "-c", "echo 1; echo 2"], stream=True)
same("run, streamed", b"".join(lines), b"1\n2\n")
try:
    client.containers.run("busybox", "ls /none", remove=True)
    raise SystemExit("no error of a failing run")
except docker.errors.ContainerError as error:
    same("exit status", error.exit_status, 1)
    same("its errors", b"No such file" in error.stderr, True)
try:
    client.containers.run("busybox", "/no/such/program", remove=True)
    raise SystemExit("no error of a missing program")
except docker.errors.APIError as error:
    same("status", error.response.status_code, 400)
try:
    client.containers.get("none")
    raise SystemExit("no error of a missing container")
except docker.errors.NotFound as error:
    same("sentence", error.explanation, "No such container: none")
step("run")

heard = []
stream = api.events(decode=True, filters={"type": "container", "label": "of=program"})


def listen():
    for event in stream:
        heard.append(event["Action"])
        if event["Action"] == "destroy":
            return


listener = threading.Thread(target=listen, daemon=True)
listener.start()

newer = {}
if since("1.25"):
    newer["init"] = True
    newer["nano_cpus"] = 500_000_000
if since("1.30"):
    newer["mounts"] = [docker.types.Mount("/mem", None, type="tmpfs", tmpfs_size=1 << 20)]
c = client.containers.run(
    "busybox",
    forever,
    detach=True,
    name="program",
    environment={"A": "two words"},
    labels={"of": "program"},
    hostname="chosen",
    user="daemon",
    working_dir="/var",
    mem_limit="64m",
    pids_limit=50,
    cap_add=["NET_ADMIN"],
    cap_drop=["ALL"],
    tmpfs={"/scratch": "size=1m"},
    shm_size="4m",
    sysctls={"net.ipv4.ip_default_ttl": "63"},
    ulimits=[docker.types.Ulimit(name="nofile", soft=100, hard=200)],
    extra_hosts={"other": "192.0.2.1"},
    restart_policy={"Name": "on-failure", "MaximumRetryCount": 2},
    log_config=docker.types.LogConfig(type="json-file", config={"max-size": "1m"}),
    ports={"80/tcp": ("127.0.0.1", None)},
    volumes={"kept": {"bind": "/kept", "mode": "rw"}},
    healthcheck={"test": ["CMD", "true"], "interval": 100_000_000, "timeout": 20_000_000_000},
    **newer,
)
c.reload()
same("state", (c.status, c.name, c.labels["of"]), ("running", "program", "program"))
same("published", c.ports["80/tcp"][0]["HostIp"], "127.0.0.1")
same("listed", [x.id for x in client.containers.list(filters={"label": "of=program"})], [c.id])
same("by status", client.containers.list(filters={"status": "exited", "name": "program"}), [])
script = "echo $A; hostname; id -un; pwd; ulimit -n; cat /proc/sys/net/ipv4/ip_default_ttl; grep -c 192.0.2.1 /etc/hosts"
code, output = c.exec_run(["sh", "-c", script])
same("inside", output.split(b"\n")[:-1], [b"two words", b"chosen", b"daemon", b"/var", b"100", b"63", b"1"])
step("configuration")

same("exec", c.exec_run("sh -c 'exit 7'").exit_code, 7)
same("exec, demux", c.exec_run(["sh", "-c", "echo o; echo e >&2"], demux=True).output, (b"o\n", b"e\n"))
same("exec, stream", b"".join(c.exec_run("seq 3", stream=True).output), b"1\n2\n3\n")
same("exec, tty", c.exec_run("echo tty", tty=True).output, b"tty\r\n")
same("exec, user", c.exec_run("id -un", user="nobody").output, b"nobody\n")
same("exec, detached", c.exec_run("true", detach=True).output, "")
made = api.exec_create(c.id, "cat", stdin=True)
sock = api.exec_start(made["Id"], socket=True)
sock._sock.sendall(b"through\n")
sock._sock.shutdown(1)
frame = b""
while True:
    part = sock._sock.recv(4096)
    if not part:
        break
    frame += part
same("exec, socket", frame, b"\x01\0\0\0\0\0\0\x08through\n")
sock.close()
same("its end", api.exec_inspect(made["Id"])["ExitCode"], 0)
step("exec")

same("logs", c.logs(), b"up\n")
same("logs, tail", c.logs(tail=0), b"")
same("logs, stamped", c.logs(timestamps=True)[-3:], b"up\n")
followed = c.logs(stream=True, follow=True)
same("logs, followed", next(followed), b"up\n")
followed.close()
same("top", any("sleep" in p[-1] or "sh -c" in p[-1] for p in c.top()["Processes"]), True)
once = c.stats(stream=False)
same("stats", once["memory_stats"]["limit"], 64 << 20)
streamed = c.stats(decode=True, stream=True)
same("stats, streamed", next(streamed)["pids_stats"]["current"] > 0, True)
step("logs, top, stats")

same("put", c.put_archive("/tmp", tar_of("file", b"content\n")), True)
parts, stat = c.get_archive("/tmp/file")
same("stat", (stat["name"], stat["size"], stat["mode"] & 0o777), ("file", 8, 0o640))
same("get", untar(parts), {"file": b"content\n"})
same("diff", {"Path": "/tmp/file", "Kind": 1} in c.diff(), True)
same("export", b"content\n" in b"".join(c.export()), True)
step("archives")

c.pause()
c.reload()
same("paused", c.status, "paused")
c.unpause()
c.update(mem_limit="128m", memswap_limit="256m")
c.rename("renamed")
c.reload()
same("updated", (c.name, c.attrs["HostConfig"]["Memory"]), ("renamed", 128 << 20))
c.restart(timeout=20)
# Before the shell has set its trap the signal has its usual effect.
sum(1 for _ in zip(range(2), c.logs(stream=True, follow=True)))
c.stop(timeout=20)
same("wait", c.wait()["StatusCode"], 0)
c.start()
c.kill()
same("killed", c.wait()["StatusCode"], 137)
c.remove(v=True)
listener.join(30)
wanted = ["create", "start", "pause", "unpause", "update", "rename", "restart", "stop", "kill", "die", "destroy"]
same("events", [action for action in wanted if action not in heard], [])
step("life")

c = client.containers.create("busybox", "cat", stdin_open=True)
sock = c.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
c.start()
sock._sock.sendall(b"typed\n")
sock._sock.shutdown(1)
same("attached", sock._sock.recv(4096)[-6:], b"typed\n")
sock.close()
same("its end", c.wait(condition="not-running" if since("1.30") else None)["StatusCode"], 0)
for _ in range(20):
    same("attach, past", c.attach(logs=True, stream=False), b"typed\n")
c.remove()
step("attach")

volume = client.volumes.create("mine", labels={"of": "program"})
same("volume", client.volumes.get("mine").attrs["Labels"], {"of": "program"})
same("volumes", [v.name for v in client.volumes.list(filters={"label": "of=program"})], ["mine"])
client.containers.run("busybox", "touch /v/x", volumes={"mine": {"bind": "/v"}}, remove=True)
same("kept", client.containers.run("busybox", "ls /v", volumes={"mine": {"bind": "/v"}}, remove=True), b"x\n")
volume.remove()
step("volumes")

client.images.get("busybox").tag("other", tag="1")
same("tags", sorted(client.images.get("other:1").tags), ["busybox:latest", "other:1"])
client.images.remove("other:1")
client.containers.create("busybox", "true")
# The streamed one and the one without a program were left, too.
if since("1.25"):
    same("pruned", len(client.containers.prune()["ContainersDeleted"]), 3)
for c in client.containers.list(all=True):
    same("not pruned", since("1.25"), False)
    c.remove()
same("left", client.containers.list(all=True), [])
step("images, prune")
