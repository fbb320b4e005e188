#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

// Host ports that the container holds by bound sockets. Most are only kept open: nftables rewrites
// what comes for them. One with a target is served here, for what no rule of the kernel can do:
// IPv6 clients of a container without IPv6, and those that come from ::1.

// Something in the shim's epoll set; the first member of what it stands for.
struct Watch {
  void (*ready)(Watch* watch, uint32_t events);
};

struct Flow;

struct Port {
  Watch watch;
  char* name;
  int fd;
  bool udp;
  int protocol;  // IPPROTO_TCP, IPPROTO_UDP or IPPROTO_SCTP
  bool served;
  bool paused;  // no descriptors left for more connections
  sockaddr_storage target;
  Flow* flows;
  Port* next;
};

struct PortRequest {
  const char* name;     // chosen by the daemon
  int fd;               // taken over on success; -1: a port held already gets another target
  const char* address;  // where to carry what comes; empty for only keeping it
  int port;
};

// 0 or errno. Names are the daemon's to keep apart.
int HoldPort(const PortRequest& request);
// Its connections go on, as they do where the kernel rewrites addresses; UDP flows end.
int ReleasePort(const char* name);
void ReleaseAllPorts();

// -1 until there is something to serve; else becomes readable when ServePorts has work.
int PortsFd();
void ServePorts();
// Ends what is idle for too long; milliseconds until the next look, -1 for never.
int ExpirePorts(long long now_ms);

// Between ports.cc, tcp-ports.cc and udp-ports.cc.
// A socket of the port's protocol, connected to its target or on the way there; -1.
int ConnectTarget(const Port* port, int type);
bool AddWatch(Watch* watch, int fd, uint32_t events);
void ChangeWatch(Watch* watch, int fd, uint32_t events);
void RemoveWatch(int fd);
void AcceptTcp(Watch* watch, uint32_t events);
void ReceiveUdp(Watch* watch, uint32_t events);
void EndFlows(Port* port);
int ExpireFlows(Port* port, long long now_ms);
// Frees what ended during a turn: later events of the same turn may still name it.
void SweepTcp();
void SweepUdp();
// Over all ports.
extern int open_flows;
// After descriptors were freed.
void ResumePorts();
