/* get: tables of our objects, as flux prints them. */
#include "base/clock.h"
#include "cli/follow.h"
#include "cli/grid.h"
#include "cli/listing.h"
#include "cli/shown.h"
#include "cli/target.h"

struct options {
    bool all_namespaces, no_header, watch;
    str status_selector, label_selector, output;
};

static const char *const outputs[] = {"json", "yaml", "wide", "name", NULL};

static const struct flag flags[] = {
    FLAG(struct options, all_namespaces, "all-namespaces", 'A', FLAG_BOOL,
         .help = "objects of every namespace"),
    FLAG(struct options, no_header, "no-header", 0, FLAG_BOOL, .help = "leave out the header"),
    FLAG(struct options, watch, "watch", 'w', FLAG_BOOL, .help = "go on and print what changes"),
    FLAG(struct options, status_selector, "status-selector", 0, FLAG_STR, .value = "type=status",
         .help = "only objects with that condition: ready=false, ready!=true"),
    FLAG(struct options, label_selector, "label-selector", 'l', FLAG_STR, .value = "selector",
         .help = "only objects with these labels"),
    FLAG(struct options, output, "output", 'o', FLAG_STR, .value = "format", .choices = outputs,
         .help = "instead of the table"),
};

/* What is asked for, for one kind. */
struct query {
    struct cli *cli;
    const struct options *options;
    const struct kind *kind;
    struct shown_selector selector; /* no type: none */
    str namespace, name;            /* empty: all */
    bool prefixed;                  /* names begin with "kind/" */
};

/* ---- The table ---- */

/* Has the kind something to suspend? */
static bool has_suspend(const struct kind *kind)
{
    return !kind->hides_suspend && schema_find(kind->spec, STR("suspend"));
}

static size_t headers_of(const struct query *query, const char **out)
{
    size_t count = 0;
    if (query->options->all_namespaces) out[count++] = "Namespace";
    out[count++] = "Name";
    for (size_t i = 0; i < COUNT(query->kind->get) && query->kind->get[i].name; i++) {
        out[count++] = query->kind->get[i].name;
    }
    if (has_suspend(query->kind)) out[count++] = "Suspended";
    out[count++] = "Ready";
    out[count++] = "Message";
    if (str_is(query->options->output, "wide")) out[count++] = "Age";
    return count;
}

static str age_of(arena *a, const node *object)
{
    int64_t created_ns;
    str created = node_find_str(object, "metadata", "creationTimestamp", NULL);
    if (!clock_parse(created, &created_ns)) return STR("-");
    return shown_age(a, clock_wall_ns() - created_ns);
}

static void add_row(arena *a, const struct query *query, struct grid *grid, const node *object)
{
    bool wide = str_is(query->options->output, "wide");
    str cells[16], name = node_find_str(object, "metadata", "name", NULL);
    size_t count = 0;
    if (query->options->all_namespaces) {
        cells[count++] = node_find_str(object, "metadata", "namespace", NULL);
    }
    if (query->prefixed) {
        str kind = str_lower(a, str_of(query->kind->kind));
        name = str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(kind), STR_ARG(name));
    }
    cells[count++] = name;
    for (size_t i = 0; i < COUNT(query->kind->get) && query->kind->get[i].name; i++) {
        str text = shown_path(object, query->kind->get[i].path);
        cells[count++] = wide ? text : shown_short_hex(a, text);
    }
    if (has_suspend(query->kind)) {
        cells[count++] = shown_is_suspended(object) ? STR("True") : STR("False");
    }
    struct shown_ready ready = shown_ready_of(object);
    cells[count++] = ready.status;
    cells[count++] = wide ? ready.message : shown_short_hex(a, ready.message);
    if (wide) cells[count++] = age_of(a, object);
    must(count == grid->columns);
    grid_add(grid, cells);
}

static struct grid grid_of(arena *a, const struct query *query)
{
    const char *headers[16];
    size_t columns = headers_of(query, headers);
    return grid_begin(a, headers, columns);
}

static bool is_wanted(const struct query *query, const node *object)
{
    return !query->selector.type.len || shown_matches(object, &query->selector);
}

/* ---- Other formats ---- */

static void write_names(struct cli *cli, const node *items)
{
    NODE_EACH (items, item) {
        const struct kind *kind = kind_find(node_get_str(item, STR("kind")));
        str name = node_find_str(item, "metadata", "name", NULL);
        str lower = str_lower(cli->a, str_of(kind->kind));
        buf_printf(&cli->out, STR_FMT ".%s/" STR_FMT "\n", STR_ARG(lower), kind->group,
                   STR_ARG(name));
    }
}

/* ---- Asking once ---- */

static str name_selector(const struct query *query)
{
    if (!query->name.len) return (str){0};
    return str_printf(query->cli->a, "metadata.name=" STR_FMT, STR_ARG(query->name));
}

static err *list(const struct query *query, node **items_out)
{
    arena *a = query->cli->a;
    struct kube_request request = {
        .verb = KUBE_LIST,
        .ref = target_ref(query->kind, query->namespace, (str){0}),
        .label_selector = query->options->label_selector,
        .field_selector = name_selector(query),
    };
    node *answer, *items = node_list(a);
    TRY(kube_do(query->cli->kube, a, &request, &answer));
    NODE_EACH (node_get(answer, STR("items")), object) {
        /* Items of a list carry no kind of their own. */
        node *copy = listing_plain(a, object);
        node_set_str(a, copy, STR("apiVersion"), kube_api_version(a, request.ref.kind));
        node_set_str(a, copy, STR("kind"), request.ref.kind.kind);
        if (is_wanted(query, copy)) node_push(a, items, copy);
    }
    *items_out = items;
    return NULL;
}

static str namespace_shown(const struct query *query)
{
    if (!query->namespace.len) return STR("any");
    return str_printf(query->cli->a, "\"" STR_FMT "\"", STR_ARG(query->namespace));
}

static err *nothing_found(const struct query *query)
{
    str namespace = namespace_shown(query);
    if (query->name.len) {
        return err_not_found("%s object '" STR_FMT "' not found in " STR_FMT " namespace",
                             query->kind->kind, STR_ARG(query->name), STR_ARG(namespace));
    }
    return err_not_found("no %s objects found in " STR_FMT " namespace", query->kind->kind,
                         STR_ARG(namespace));
}

static void write_table(const struct query *query, const node *items)
{
    struct grid grid = grid_of(query->cli->a, query);
    NODE_EACH (items, item)
        add_row(query->cli->a, query, &grid, item);
    grid_write(&query->cli->out, &grid, !query->options->no_header);
}

/* One kind of "all": what the cluster does not have, or has none of, is passed over. */
static err *get_of_all(const struct query *query, node *gathered)
{
    node *items;
    err *e = list(query, &items);
    if (err_is(e, ERR_NOT_FOUND)) {
        err_free(e);
        return NULL;
    }
    if (e) return e;
    if (!items->count) return NULL;
    NODE_EACH (items, item)
        node_push(query->cli->a, gathered, item);
    write_table(query, items);
    BUF_ADD(&query->cli->out, "\n");
    return NULL;
}

static bool is_table(str output)
{
    return !output.len || str_is(output, "wide");
}

static err *get_once(struct query *query, const struct target *target)
{
    struct cli *cli = query->cli;
    node *items = node_list(cli->a);
    if (target->all) {
        for (size_t i = 0; i < target->count; i++) {
            query->kind = target->kinds[i];
            TRY(get_of_all(query, items));
        }
        if (!items->count) {
            str namespace = namespace_shown(query);
            cli_failure("no objects found in " STR_FMT " namespace", STR_ARG(namespace));
        }
    } else {
        TRY(list(query, &items));
        if (!items->count) return nothing_found(query);
        write_table(query, items);
    }

    if (is_table(query->options->output)) return NULL;
    buf_clear(&cli->out);
    if (!str_is(query->options->output, "name")) {
        return listing_write(cli->a, &cli->out, query->options->output, items, query->name.len > 0);
    }
    write_names(cli, items);
    return NULL;
}

/* ---- Watching ---- */

/* One kind that is followed; used on the loop thread. */
struct observer {
    struct query query;
    struct follow follow;
    bool header_due;
};

static void print_object(void *context, arena *a, const node *object, buf *out)
{
    struct observer *observer = context;
    if (!is_wanted(&observer->query, object)) return;
    struct grid grid = grid_of(a, &observer->query);
    add_row(a, &observer->query, &grid, object);
    grid_write(out, &grid, observer->header_due);
    observer->header_due = false;
}

static err *get_forever(const struct query *query, const struct target *target)
{
    if (!is_table(query->options->output)) {
        return err_invalid("--watch prints tables only; leave out --output");
    }
    for (size_t i = 0; i < target->count; i++) {
        struct observer *observer = NEW(query->cli->a, struct observer);
        observer->query = *query;
        observer->query.kind = target->kinds[i];
        observer->header_due = !query->options->no_header;
        observer->follow = (struct follow){
            .kind = kind_gvk(target->kinds[i]),
            .namespace = query->namespace,
            .label_selector = query->options->label_selector,
            .field_selector = name_selector(query),
            .print = print_object,
            .context = observer,
        };
        TRY(follow_begin(query->cli, &observer->follow));
    }
    follow_forever();
}

static err *run(struct cli *cli, const void *given)
{
    const struct options *options = given;
    struct target target;
    TRY(target_take(cli, true, &target));
    if (cli->arg_count > 1) {
        return err_invalid("unexpected argument '" STR_FMT "'", STR_ARG(cli->args[1]));
    }

    struct query query = {.cli = cli, .options = options, .prefixed = target.all};
    if (options->status_selector.len) {
        TRY(shown_parse_selector(options->status_selector, &query.selector));
    }
    if (cli->arg_count) query.name = cli->args[0];
    if (query.name.len && target.all) return err_invalid("a name needs one kind, not all of them");

    TRY(cli_connect(cli));
    if (!options->all_namespaces) query.namespace = cli->globals.namespace;
    query.kind = target.kinds[0];
    return options->watch ? get_forever(&query, &target) : get_once(&query, &target);
}

COMMAND(get) = {
    .path = "get",
    .usage = "KIND [NAME]",
    .summary = "list objects and their state",
    .help = "KIND may also be 'all', or 'sources all' for a family of kinds.",
    .details = target_help,
    .examples = "  fixpoint get all -A\n"
                "  fixpoint get kustomizations --status-selector ready=false\n"
                "  fixpoint get sources git apps -o yaml",
    COMMAND_FLAGS(flags, struct options),
    .args_min = 1,
    .args_max = 3,
    .run = run,
};
