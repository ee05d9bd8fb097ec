/* fill-spool DIR COUNT: makes COUNT deferred messages in the spool DIR, each to
 * one of 1000 domains, with one failed attempt in its state. Nothing is synced:
 * a queue to look at, not one to trust. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char ALPHABET[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
static uint32_t table[256];

static uint32_t crc32c(uint32_t crc, const char *p, size_t n) {
    crc = ~crc;
    while (n--) crc = table[(crc ^ (unsigned char)*p++) & 255] ^ (crc >> 8);
    return ~crc;
}

/* 48 bits of time in 1/32 ms, 30 bits of a counter, 5 bits a character. */
static void make_id(char *id, uint64_t ticks, uint32_t low) {
    unsigned __int128 bits = ((unsigned __int128)ticks << 30) | low;
    for (int i = 15; i >= 0; i--, bits >>= 5) id[i] = ALPHABET[(int)(bits & 31)];
    id[16] = 0;
}

static void put(int dir, const char *name, const char *text, size_t n) {
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0 || write(fd, text, n) != (ssize_t)n) {
        perror(name);
        exit(1);
    }
    close(fd);
}

int main(int argc, char **argv) {
    if (argc != 3) return 64;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) c = c & 1 ? 0x82F63B78u ^ (c >> 1) : c >> 1;
        table[i] = c;
    }
    int spool = open(argv[1], O_RDONLY | O_DIRECTORY);
    int cur = openat(spool, "cur", O_RDONLY | O_DIRECTORY);
    int state = openat(spool, "state", O_RDONLY | O_DIRECTORY);
    if (cur < 0 || state < 0) {
        perror(argv[1]);
        return 73;
    }
    long count = atol(argv[2]);
    time_t now = time(NULL);
    static char blanks[52], text[4096], name[96];
    memset(blanks, ' ', 51);
    const char *body = "From: ann@here.example\r\nSubject: bench\r\n\r\nhello\r\n";
    for (long n = 0; n < count; n++) {
        char id[17], when[32], check[80];
        time_t then = now - 86400 + n * 80000 / count;
        make_id(id, (uint64_t)then * 32000 + n % 32000, (uint32_t)n);
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S.000Z", gmtime(&then));
        int at = sprintf(text,
            "Envelope-Id: %s\r\nEnvelope-Sender: <user%ld@here.example>\r\n"
            "Envelope-Recipient: <to%ld@d%ld.example>\r\nEnvelope-Origin: %s local uid=1000\r\n"
            "Envelope-Check: ", id, n % 100, n, n % 1000, when);
        int end = at + sprintf(text + at, "%s\r\nEnvelope-End: %s\r\n", blanks, id);
        int length = end + sprintf(text + end, "%s", body);
        uint32_t crc = crc32c(0, text, at);
        crc = crc32c(crc, text + at + 51, length - at - 51);
        int wide = sprintf(check, "%011d crc32c=%08x body=7bit lines=short", length - end, crc);
        memcpy(text + at, check, wide);
        sprintf(name, "%s,S=%d,T=%ld", id, length, (long)now + 3600 + n % 3600);
        put(cur, name, text, length);
        length = sprintf(text,
            "{\"v\":1,\"kind\":\"attempt\",\"time\":\"%s\",\"target\":0,\"result\":\"deferred\","
            "\"status\":\"4.4.1\",\"text\":\"connection timed out\",\"remote\":false,\"ms\":30000}\n", when);
        put(state, id, text, length);
    }
    return 0;
}
