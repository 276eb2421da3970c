#include "base/rand.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

static _Atomic uint64_t seeded; /* state of splitmix64; 0 means not seeded */

void rand_seed(uint64_t seed)
{
    atomic_store(&seeded, seed);
}

uint64_t rand_u64(void)
{
    uint64_t state = atomic_load(&seeded), value;
    if (!state) {
        must(getrandom(&value, sizeof value, 0) == (ssize_t)sizeof value);
        return value;
    }
    value = atomic_fetch_add(&seeded, 0x9e3779b97f4a7c15u) + 0x9e3779b97f4a7c15u;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

uint64_t rand_below(uint64_t bound)
{
    must(bound > 0);
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound, value;
    do {
        value = rand_u64();
    } while (value >= limit);
    return value % bound;
}

double rand_unit(void)
{
    return (double)(rand_u64() >> 11) * 0x1.0p-53;
}

void rand_bytes(void *out, size_t len)
{
    for (char *at = out; len;) {
        uint64_t value = rand_u64();
        size_t count = MIN(len, sizeof value);
        memcpy(at, &value, count);
        at += count;
        len -= count;
    }
}

int64_t rand_jitter(int64_t span, int percent)
{
    double share = (rand_unit() * 2 - 1) * percent / 100;
    return span + (int64_t)((double)span * share);
}

str rand_uuid(struct arena *a)
{
    uint8_t b[16];
    rand_bytes(b, sizeof b);
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    return str_printf(a, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                      b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11],
                      b[12], b[13], b[14], b[15]);
}
