/* events: what was said about objects of our kinds. */
#include "base/clock.h"
#include "cli/follow.h"
#include "cli/grid.h"
#include "cli/listing.h"
#include "cli/shown.h"
#include "cli/target.h"

struct options {
    bool all_namespaces, watch, no_header;
    str about, output;
    struct flag_list types;
};

static const char *const types[] = {"Normal", "Warning", NULL};

static const char *const outputs[] = {"json", "yaml", NULL};

static const struct flag flags[] = {
    FLAG(struct options, all_namespaces, "all-namespaces", 'A', FLAG_BOOL,
         .help = "events of every namespace"),
    FLAG(struct options, about, "for", 0, FLAG_STR, .value = "kind/name",
         .help = "only events of that object and of its source; without a name, of the kind"),
    FLAG(struct options, types, "types", 0, FLAG_LIST, .value = "type", .choices = types,
         .help = "only these types"),
    FLAG(struct options, watch, "watch", 'w', FLAG_BOOL, .help = "go on and print new events"),
    FLAG(struct options, no_header, "no-header", 0, FLAG_BOOL, .help = "leave out the header"),
    FLAG(struct options, output, "output", 'o', FLAG_STR, .value = "format", .choices = outputs,
         .help = "instead of the table"),
};

/* Objects whose events are asked for; none: every object of our kinds. */
struct subject {
    str kind, namespace, name; /* namespace and name empty: any */
};

struct query {
    struct cli *cli;
    const struct options *options;
    str namespace; /* empty: all */
    struct subject *subjects;
    size_t subject_count, subject_room;
};

/* ---- Which events ---- */

static void add_subject(struct query *query, str kind, str namespace, str name)
{
    *ARENA_PUSH(query->cli->a, query->subjects, query->subject_count, query->subject_room) =
        (struct subject){kind, namespace, name};
}

/* What happens to the source explains what happens to the object. */
static err *add_source(struct query *query, const struct kind *kind, str name)
{
    struct cli *cli = query->cli;
    struct kube_request request = {
        .verb = KUBE_GET,
        .ref = target_ref(kind, cli->globals.namespace, name),
    };
    node *object;
    TRY(kube_do(cli->kube, cli->a, &request, &object));
    const node *source = node_find(object, "spec", "sourceRef", NULL);
    if (!source) return NULL;
    str namespace = node_get_str(source, STR("namespace"));
    add_subject(query, node_get_str(source, STR("kind")),
                namespace.len ? namespace : cli->globals.namespace,
                node_get_str(source, STR("name")));
    return NULL;
}

static err *read_subject(struct query *query)
{
    str word, name;
    if (!query->options->about.len) return NULL;
    str_cut(query->options->about, '/', &word, &name);
    const struct kind *kind = kind_find_word(word);
    if (!kind) return err_invalid("--for: unknown kind '" STR_FMT "'", STR_ARG(word));
    add_subject(query, str_of(kind->kind), name.len ? query->cli->globals.namespace : (str){0},
                name);
    return name.len ? add_source(query, kind, name) : NULL;
}

static bool is_about(const struct subject *subject, const node *involved)
{
    return str_eq(node_get_str(involved, STR("kind")), subject->kind) &&
           (!subject->namespace.len ||
            str_eq(node_get_str(involved, STR("namespace")), subject->namespace)) &&
           (!subject->name.len || str_eq(node_get_str(involved, STR("name")), subject->name));
}

static bool has_type(const struct query *query, str type)
{
    for (size_t i = 0; i < query->options->types.count; i++) {
        if (str_eq(type, query->options->types.items[i])) return true;
    }
    return query->options->types.count == 0;
}

static bool is_wanted(const struct query *query, const node *event)
{
    const node *involved = node_get(event, STR("involvedObject"));
    if (!has_type(query, node_get_str(event, STR("type")))) return false;
    if (!query->subject_count) return kind_find(node_get_str(involved, STR("kind"))) != NULL;
    for (size_t i = 0; i < query->subject_count; i++) {
        if (is_about(&query->subjects[i], involved)) return true;
    }
    return false;
}

/* ---- The table ---- */

static int64_t time_at(const node *event, const char *field)
{
    int64_t wall_ns;
    return clock_parse(node_get_str(event, str_of(field)), &wall_ns) ? wall_ns : 0;
}

/* Events have a last time, or (new style) the time they were made. */
static int64_t last_seen(const node *event)
{
    int64_t last = time_at(event, "lastTimestamp");
    return last ? last : time_at(event, "eventTime");
}

static int by_last_seen(const void *a, const void *b)
{
    int64_t left = last_seen(*(node *const *)a), right = last_seen(*(node *const *)b);
    return (left > right) - (left < right);
}

/* "3m", or "3m (x5 over 20m)" when it was said several times. */
static str seen_text(arena *a, const node *event)
{
    int64_t now_ns = clock_wall_ns(), first = time_at(event, "firstTimestamp");
    int64_t count = node_get_int(event, STR("count"), 1);
    str last = shown_age(a, now_ns - last_seen(event));
    if (count < 2 || !first) return last;
    str span = shown_age(a, now_ns - first);
    return str_printf(a, STR_FMT " (x%jd over " STR_FMT ")", STR_ARG(last), (intmax_t)count,
                      STR_ARG(span));
}

static struct grid grid_of(arena *a, const struct query *query)
{
    static const char *const headers[] = {"Namespace", "Last seen", "Type",
                                          "Reason",    "Object",    "Message"};
    size_t skipped = query->namespace.len ? 1 : 0;
    return grid_begin(a, headers + skipped, COUNT(headers) - skipped);
}

static void add_row(arena *a, const struct query *query, struct grid *grid, const node *event)
{
    const node *involved = node_get(event, STR("involvedObject"));
    str kind = node_get_str(involved, STR("kind")), name = node_get_str(involved, STR("name"));
    str cells[] = {
        node_find_str(event, "metadata", "namespace", NULL),
        seen_text(a, event),
        node_get_str(event, STR("type")),
        node_get_str(event, STR("reason")),
        str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(kind), STR_ARG(name)),
        node_get_str(event, STR("message")),
    };
    grid_add(grid, cells + (query->namespace.len ? 1 : 0));
}

static struct kube_kind event_kind(void)
{
    return (struct kube_kind){STR(""), STR("v1"), STR("Event")};
}

static err *print_once(const struct query *query)
{
    struct cli *cli = query->cli;
    struct kube_request request = {.verb = KUBE_LIST, .ref = {event_kind(), query->namespace, {0}}};
    node *answer, *wanted = node_list(cli->a);
    TRY(kube_do(cli->kube, cli->a, &request, &answer));
    NODE_EACH (node_get(answer, STR("items")), event) {
        if (!is_wanted(query, event)) continue;
        node *copy = listing_plain(cli->a, event);
        node_set_str(cli->a, copy, STR("apiVersion"), STR("v1"));
        node_set_str(cli->a, copy, STR("kind"), STR("Event"));
        node_push(cli->a, wanted, copy);
    }
    if (!wanted->count && !query->options->output.len) {
        cli_failure("no events found%s%s", query->namespace.len ? " in namespace " : "",
                    query->namespace.len ? str_z(cli->a, query->namespace) : "");
        return NULL;
    }
    if (wanted->count) qsort(wanted->items, wanted->count, sizeof *wanted->items, by_last_seen);
    if (query->options->output.len)
        return listing_write(cli->a, &cli->out, query->options->output, wanted, false);
    struct grid grid = grid_of(cli->a, query);
    NODE_EACH (wanted, event)
        add_row(cli->a, query, &grid, event);
    grid_write(&cli->out, &grid, !query->options->no_header);
    return NULL;
}

/* ---- Watching ---- */

struct observer {
    const struct query *query;
    bool header_due;
};

static void print_event(void *context, arena *a, const node *event, buf *out)
{
    struct observer *observer = context;
    if (!is_wanted(observer->query, event)) return;
    struct grid grid = grid_of(a, observer->query);
    add_row(a, observer->query, &grid, event);
    grid_write(out, &grid, observer->header_due);
    observer->header_due = false;
}

static err *print_forever(const struct query *query)
{
    struct observer observer = {query, !query->options->no_header};
    struct follow follow = {
        .kind = event_kind(),
        .namespace = query->namespace,
        .print = print_event,
        .context = &observer,
    };
    TRY(follow_begin(query->cli, &follow));
    follow_forever();
}

static err *run(struct cli *cli, const void *given)
{
    const struct options *options = given;
    TRY(cli_connect(cli));
    struct query query = {.cli = cli, .options = options};
    if (!options->all_namespaces) query.namespace = cli->globals.namespace;
    TRY(read_subject(&query));
    if (options->watch && options->output.len)
        return err_invalid("--watch prints tables only; leave out --output");
    return options->watch ? print_forever(&query) : print_once(&query);
}

COMMAND(events) = {
    .path = "events",
    .summary = "show events of our objects",
    .examples = "  fixpoint events --for Kustomization/apps\n"
                "  fixpoint events -A --types Warning",
    COMMAND_FLAGS(flags, struct options),
    .run = run,
};
