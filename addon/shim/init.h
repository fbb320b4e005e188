#pragma once

// Whether this program was executed as the init of a container (`docker run --init`).
bool IsInit(const char* name);

// Runs `docker-init [--] PROGRAM ARGUMENT…` as pid 1: hands signals on, reaps whoever is orphaned,
// and ends as the program does. Returns the exit code.
int RunInit(char** arguments);
