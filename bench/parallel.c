/* parallel [-n N] [-i STDIN] -- CMD ARGS...
 * Starts CMD N times at the same moment, each with STDIN as its input, and
 * reports the time until the last has ended, and how many failed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }
int main(int argc, char **argv) {
    int n = 1000, c, gate[2], bad = 0, st; const char *in = "/dev/null"; char go;
    while ((c = getopt(argc, argv, "+n:i:")) > 0) { if (c == 'n') n = atoi(optarg); else if (c == 'i') in = optarg; }
    char **cmd = argv + optind; if (!*cmd || pipe(gate)) return 2;
    for (int i = 0; i < n; i++) {
        pid_t p = fork();
        if (p < 0) { perror("fork"); return 1; }
        if (p == 0) {
            /* The gate opens for all when its writer is closed. */
            close(gate[1]); if (read(gate[0], &go, 1)) _exit(126);
            int fd = open(in, O_RDONLY); if (fd < 0) _exit(126);
            dup2(fd, 0); close(fd); close(gate[0]);
            execv(cmd[0], cmd); _exit(127);
        }
    }
    double t = now(); close(gate[1]);
    while (wait(&st) > 0) bad += st != 0;
    printf("n=%d wall_ms=%.1f failed=%d\n", n, (now() - t) * 1e3, bad);
    return 0;
}
