"""SCTP, which Node has not: `serve NAME PORT`, `ask FROM ADDRESS PORT`, `hold PORT`."""
import socket
import sys


def sctp(address="0.0.0.0"):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_SCTP)


def serve(name, port):
    listener = sctp()
    listener.bind(("0.0.0.0", int(port)))
    listener.listen(8)
    print("listening", flush=True)
    while True:
        client, (peer, _) = listener.accept()
        client.sendall(f"{name} from {peer}".encode())
        client.close()


def ask(source, address, port):
    client = sctp(source)
    # Else all addresses of the host are told to the server, and no NAT rewrites these.
    client.bind((source, 0))
    client.settimeout(30)
    client.connect((address, int(port)))
    print(client.recv(4096).decode())


def hold(port):
    sctp().bind(("0.0.0.0", int(port)))


{"serve": serve, "ask": ask, "hold": hold}[sys.argv[1]](*sys.argv[2:])
