"""Types at a program on a terminal: python3 type-at.py PROGRAM ARG...

stdin is a JSON list of [what to wait for in the output, what to type then]. The output goes to stdout.
"""
import json, os, pty, select, sys, time

steps = json.load(sys.stdin)
child, master = pty.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen, deadline = b"", time.time() + 30
while time.time() < deadline:
    if steps and steps[0][0].encode() in seen:
        seen = b""
        os.write(master, steps.pop(0)[1].encode())
    if master in select.select([master], [], [], 0.05)[0]:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        seen += part
        os.write(1, part)
