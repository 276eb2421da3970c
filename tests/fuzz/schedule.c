/* A schedule that is read is due later than now, and on a whole second. */
#include "sandbox/schedule.h"

#include "base/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct schedule schedule;
    const int64_t now = 1767322245 * CLOCK_SECOND + 7;
    err *e AUTO(err_done) = schedule_parse(str_from((const char *)data, size), &schedule);
    if (e) return 0;
    int64_t next = schedule_next(&schedule, now);
    must(!next || (next > now && next % CLOCK_SECOND == 0));
    if (next && !schedule.every_ns) must(schedule_next(&schedule, next - 1) <= next);
    return 0;
}
