"""Runs a program on a terminal of its own: python3 on-terminal.py PROGRAM ARG...

Output goes to stdout. Each line of stdin is a JSON command: {"write": text} types, {"resize": [rows,
columns]} does that. The last line on stderr tells whether the terminal's mode is as it was before.
Exits with the program's code.
"""
import fcntl, json, os, select, struct, sys, termios

master, slave = os.openpty()


def resize(rows, columns):
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


resize(31, 97)
before = termios.tcgetattr(slave)
child = os.fork()
if child == 0:
    os.close(master)
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for descriptor in (0, 1, 2):
        os.dup2(slave, descriptor)
    os.execvp(sys.argv[1], sys.argv[1:])

pending, inputs, status = b"", [master, 0], None
while True:
    readable, _, _ = select.select(inputs, [], [], 0.02)
    if master in readable:
        os.write(1, os.read(master, 65536))
    elif status is not None:
        break
    if 0 in readable:
        part = os.read(0, 65536)
        if part == b"":
            inputs.remove(0)
        *lines, pending = (pending + part).split(b"\n")
        for line in lines:
            command = json.loads(line)
            if "write" in command:
                os.write(master, command["write"].encode())
            else:
                resize(*command["resize"])
    if status is None:
        ended, code = os.waitpid(child, os.WNOHANG)
        if ended:
            status = os.waitstatus_to_exitcode(code)

restored = termios.tcgetattr(slave) == before
print("restored" if restored else "changed", file=sys.stderr)
sys.exit(status if status >= 0 else 128 - status)
