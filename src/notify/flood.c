#include "notify/flood.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "notify/notify.h"

/* Like events of one Alert. */
struct torrent {
    int64_t end_ns; /* of the window */
    int count;      /* events of this window that went out by themselves */
    int gathered;   /* events that did not */
    struct rule *rule;
    struct notice *last; /* the latest of those that were gathered */
    buf names;           /* of the first of them */
    int named;
};

struct flood {
    struct flood_options options;
    struct map torrents;
};

struct flood *flood_new(struct flood_options options)
{
    struct flood *flood = lang_zalloc(sizeof *flood);
    flood->options = options;
    return flood;
}

static void torrent_free(struct torrent *torrent)
{
    rule_unref(torrent->rule);
    notice_unref(torrent->last);
    buf_done(&torrent->names);
    free(torrent);
}

void flood_free(struct flood *flood)
{
    if (!flood) return;
    MAP_EACH (&flood->torrents, entry)
        torrent_free(entry->value);
    map_done(&flood->torrents);
    free(flood);
}

static struct torrent *torrent_of(struct flood *flood, struct rule *rule,
                                  const struct notice *notice)
{
    arena a AUTO(arena_done) = {0};
    str key =
        str_printf(&a, STR_FMT " " STR_FMT " " STR_FMT " %d", STR_ARG(rule->key),
                   STR_ARG(notice->about.kind.kind), STR_ARG(notice->reason), notice->severity);
    struct torrent *torrent = map_get(&flood->torrents, key);
    if (torrent || flood->torrents.count >= LIMIT_NOTICE_FLOODS) return torrent;
    torrent = lang_zalloc(sizeof *torrent);
    torrent->end_ns = clock_now_ns() + flood->options.window_ns;
    map_put(&flood->torrents, key, torrent);
    return torrent;
}

static void gather(struct torrent *torrent, struct rule *rule, const struct notice *notice)
{
    torrent->gathered++;
    rule_ref(rule);
    rule_unref(torrent->rule);
    torrent->rule = rule;
    notice_unref(torrent->last);
    torrent->last = notice_new(notice);
    if (torrent->named >= LIMIT_NOTICE_SUM_NAMES) return;
    buf_printf(&torrent->names, "%s" STR_FMT "/" STR_FMT, torrent->named++ ? ", " : "",
               STR_ARG(notice->about.namespace), STR_ARG(notice->about.name));
}

bool flood_take(struct flood *flood, struct rule *rule, const struct notice *notice)
{
    if (flood->options.threshold <= 0) return false;
    struct torrent *torrent = torrent_of(flood, rule, notice);
    if (!torrent) return false;
    if (clock_now_ns() >= torrent->end_ns && !torrent->gathered) {
        torrent->end_ns = clock_now_ns() + flood->options.window_ns;
        torrent->count = 0;
    }
    if (torrent->count < flood->options.threshold) {
        torrent->count++;
        return false;
    }
    gather(torrent, rule, notice);
    return true;
}

/* A notice about the Alert itself: no single object stands for all of them. */
static struct notice *sum_of(arena *a, const struct torrent *torrent, int64_t window_ns)
{
    const struct notice *last = torrent->last;
    const struct rule_spec *spec = &torrent->rule->spec;
    str window = clock_format_duration(a, window_ns), line = notify_first_line(last->message);
    buf message = BUF(a);
    buf_printf(&message,
               "%d more events '" STR_FMT "' of " STR_FMT " objects within " STR_FMT ": " STR_FMT,
               torrent->gathered, STR_ARG(last->reason), STR_ARG(last->about.kind.kind),
               STR_ARG(window), STR_ARG(buf_str(&torrent->names)));
    int more = torrent->gathered - torrent->named;
    if (more) buf_printf(&message, " and %d more", more);
    buf_printf(&message, ".\nThe last one says: " STR_FMT, STR_ARG(line));
    node *metadata = node_map(a);
    node_set_str(a, metadata, STR("notification.toolkit.fluxcd.io/events"),
                 str_printf(a, "%d", torrent->gathered));
    struct notice sum = {
        .about = {{STR("notification.toolkit.fluxcd.io"), STR("v1beta3"), STR("Alert")},
                  spec->namespace,
                  spec->name},
        .uid = spec->uid,
        .severity = last->severity,
        .wall_ns = clock_wall_ns(),
        .message = buf_str(&message),
        .reason = last->reason,
        .metadata = metadata,
        .controller = last->controller,
        .instance = last->instance,
        .stands_for = torrent->gathered,
    };
    return notice_new(&sum);
}

/* The window stays shut as long as it overflows; one that did not is forgotten. */
void flood_flush(struct flood *flood, bool all, flood_fn *fn, void *context)
{
    int64_t now_ns = clock_now_ns();
    MAP_EACH (&flood->torrents, entry) {
        struct torrent *torrent = entry->value;
        if (!all && torrent->end_ns > now_ns) continue;
        if (!torrent->gathered) {
            map_remove(&flood->torrents, entry->key);
            torrent_free(torrent);
            continue;
        }
        arena a AUTO(arena_done) = {0};
        struct notice *sum AUTO(notice_unref_done) = sum_of(&a, torrent, flood->options.window_ns);
        fn(context, torrent->rule, sum);
        torrent->gathered = torrent->named = 0;
        buf_clear(&torrent->names);
        torrent->count = flood->options.threshold;
        torrent->end_ns = now_ns + flood->options.window_ns;
    }
}

int64_t flood_due_ns(const struct flood *flood)
{
    int64_t due_ns = 0;
    MAP_EACH (&flood->torrents, entry) {
        const struct torrent *torrent = entry->value;
        if (!due_ns || torrent->end_ns < due_ns) due_ns = torrent->end_ns;
    }
    return due_ns;
}

size_t flood_waiting(const struct flood *flood)
{
    size_t count = 0;
    MAP_EACH (&flood->torrents, entry)
        count += (size_t)((const struct torrent *)entry->value)->gathered;
    return count;
}
