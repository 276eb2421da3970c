/* status: is everything converged, and if not, why? */
#include <unistd.h>

#include "base/clock.h"
#include "cli/grid.h"
#include "cli/overview.h"
#include "cli/shown.h"
#include "cli/target.h"
#include "doc/json.h"
#include "doc/yaml_emit.h"

#define WATCH_NS    (2 * CLOCK_SECOND)
#define VICTIMS_MAX 10 /* names on one line */

struct options {
    bool watch;
    str output;
};

static const char *const outputs[] = {"json", "yaml", NULL};

static const struct flag flags[] = {
    FLAG(struct options, watch, "watch", 'w', FLAG_BOOL,
         .help = "go on and print it again when it changes"),
    FLAG(struct options, output, "output", 'o', FLAG_STR, .value = "format", .choices = outputs,
         .help = "instead of the screen"),
};

/* ---- asking ---- */

/* A kind that the cluster does not have has no objects. */
static err *add_kind(struct cli *cli, arena *a, const struct kind *kind, node *objects)
{
    str namespace = cli->namespace_given ? cli->globals.namespace : (str){0};
    struct kube_request list = {.verb = KUBE_LIST, .ref = target_ref(kind, namespace, (str){0})};
    node *answer;
    err *e = kube_do(cli->kube, a, &list, &answer);
    if (err_is(e, ERR_NOT_FOUND)) {
        err_free(e);
        return NULL;
    }
    if (e) return e;
    NODE_EACH (node_get(answer, STR("items")), object) {
        node *copy = doc_copy_top(a, object);
        node_set_str(a, copy, STR("kind"), str_of(kind->kind));
        node_push(a, objects, copy);
    }
    return NULL;
}

static err *look(struct cli *cli, arena *a, struct overview *out)
{
    size_t count;
    const struct kind **kinds = kind_all(a, &count);
    node *objects = node_list(a);
    for (size_t i = 0; i < count; i++)
        TRY(add_kind(cli, a, kinds[i], objects));
    overview_make(a, objects, out);
    return NULL;
}

/* ---- the screen ---- */

static str age(arena *a, int64_t since_ns)
{
    return since_ns ? shown_age(a, MAX(clock_wall_ns() - since_ns, (int64_t)0)) : STR("-");
}

static void write_verdict(buf *b, arena *a, const struct overview *overview)
{
    size_t held_up = 0;
    for (size_t i = 0; i < overview->kind_count; i++) {
        held_up += overview->kinds[i].states[OVERVIEW_FAILING];
        held_up += overview->kinds[i].states[OVERVIEW_WAITING];
    }
    if (!overview->count) {
        BUF_ADD(b, "✔ there is nothing to converge: no objects found\n");
    } else if (overview->converged) {
        buf_printf(b, "✔ converged: %zu objects, for " STR_FMT "\n", overview->count,
                   STR_ARG(age(a, overview->since_ns)));
    } else {
        buf_printf(b, "✗ not converged: %zu of %zu objects are not as they should be\n", held_up,
                   overview->count);
    }
}

static void write_counts(buf *b, arena *a, const struct overview *overview)
{
    static const char *const headers[] = {"Kind",    "Total",     "Ready", "Failing",
                                          "Waiting", "Suspended", "Since"};
    struct grid grid = grid_begin(a, headers, COUNT(headers));
    for (size_t i = 0; i < overview->kind_count; i++) {
        const struct overview_count *count = &overview->kinds[i];
        str cells[COUNT(headers)] = {str_of(count->kind->kind), str_printf(a, "%zu", count->total)};
        for (int k = 0; k < OVERVIEW_STATES; k++)
            cells[2 + k] = str_printf(a, "%zu", count->states[k]);
        cells[6] = age(a, count->since_ns);
        grid_add(&grid, cells);
    }
    BUF_ADD(b, "\n");
    grid_write(b, &grid, true);
}

static void write_victims(buf *b, const struct overview *overview,
                          const struct overview_item *cause)
{
    size_t written = 0;
    for (size_t i = 0; i < overview->count && written < VICTIMS_MAX; i++) {
        const struct overview_item *item = &overview->items[i];
        if (item == cause || item->cause != cause) continue;
        buf_printf(b, "%s" STR_FMT, written++ ? ", " : "  holds up ", STR_ARG(item->key));
    }
    if (cause->victims > written) buf_printf(b, " and %zu more", cause->victims - written);
    if (written) BUF_ADD(b, "\n");
}

static void write_causes(buf *b, arena *a, const struct overview *overview)
{
    for (size_t i = 0; i < overview->cause_count; i++) {
        const struct overview_item *cause = overview->causes[i];
        buf_printf(b, "\n%s " STR_FMT " %s, for " STR_FMT "\n",
                   cause->state == OVERVIEW_FAILING ? "✗" : "◎", STR_ARG(cause->key),
                   overview_words(cause), STR_ARG(age(a, cause->since_ns)));
        str rest = cause->state == OVERVIEW_SUSPENDED ? (str){0} : cause->message;
        for (str line; str_next_line(&rest, &line);)
            if (line.len) buf_printf(b, "  " STR_FMT "\n", STR_ARG(line));
        write_victims(b, overview, cause);
    }
}

static err *show(struct cli *cli, arena *a, const struct options *options,
                 const struct overview *overview)
{
    buf *b = &cli->out;
    if (str_is(options->output, "yaml")) return yaml_emit(b, overview_node(a, overview));
    if (str_is(options->output, "json")) {
        json_write(b, overview_node(a, overview),
                   (struct json_style){.indent = options->watch ? 0 : 2});
        BUF_ADD(b, "\n");
        return NULL;
    }
    write_verdict(b, a, overview);
    if (overview->count) write_counts(b, a, overview);
    write_causes(b, a, overview);
    return NULL;
}

/* What is printed anew: ages go on by themselves and are no news. */
static uint64_t news_of(arena *a, const struct overview *overview)
{
    return node_hash(overview_node(a, overview));
}

static err *watch(struct cli *cli, const struct options *options)
{
    bool screen = !options->output.len && isatty(STDOUT_FILENO);
    bool separate = str_is(options->output, "yaml");
    uint64_t shown = 0;
    for (bool first = true;; first = false) {
        arena a AUTO(arena_done) = {0};
        struct overview overview;
        TRY(look(cli, &a, &overview));
        uint64_t news = news_of(&a, &overview);
        if (first || news != shown || screen) {
            if (screen)
                BUF_ADD(&cli->out, "\033[H\033[J");
            else if (!first && separate)
                BUF_ADD(&cli->out, "---\n");
            else if (!first && !options->output.len)
                BUF_ADD(&cli->out, "\n");
            TRY(show(cli, &a, options, &overview));
            TRY(cli_flush(cli));
        }
        shown = news;
        clock_sleep(WATCH_NS);
    }
}

static err *run(struct cli *cli, const void *given)
{
    const struct options *options = given;
    struct overview overview;
    TRY(cli_connect(cli));
    if (options->watch) return watch(cli, options);
    TRY(look(cli, cli->a, &overview));
    if (!overview.converged) cli->exit_code = 1;
    return show(cli, cli->a, options, &overview);
}

COMMAND(status) = {
    .path = "status",
    .summary = "is everything converged, and if not, why?",
    .help =
        "Counts the objects of every namespace, or of --namespace, and lists what needs\n"
        "attention: causes, not what merely waits for them. Ends with 1 when not everything is\n"
        "converged, and with 2 when that cannot be told.",
    .examples = "  fixpoint status\n"
                "  fixpoint status --watch\n"
                "  fixpoint status -o json | jq .converged",
    COMMAND_FLAGS(flags, struct options),
    .error_exit = 2,
    .run = run,
};
