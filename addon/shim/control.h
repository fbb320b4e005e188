#pragma once

// The control socket: SOCK_SEQPACKET, one request and one answer per connection, fields separated
// by NUL, descriptors by SCM_RIGHTS. Answers are `OK …` or `ERR errno`.
//   attach STREAMS KEYS head…  + a connection   → OK LOG-OFFSET
//   notify                     + a pipe         → OK PID SHIM-PID
//   resize ROWS COLUMNS                         → OK

// Binds and listens; 0 or errno.
int OpenControl(const char* path);
void CloseControl(const char* path);
// Takes a waiting connection and answers its request.
void ServeControl();
