#pragma once

// How the process ended: the code for Docker's ExitCode, the signal or 0, and when
// (CLOCK_REALTIME).
struct Exit {
  int code = 0;
  int signal = 0;
  long long finished_ns = 0;
};

// Reaps the process behind the monitor's pidfd.
Exit ReapProcess();
// Writes the exit record, beside itself and then renamed: version, code, signal, nanoseconds.
void WriteExitRecord(const Exit& exit);
void NotifyExited(const Exit& exit);
