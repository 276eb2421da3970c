/* images matrix: which tag of each workload runs in which environment. */
#include "base/map.h"
#include "cli/grid.h"
#include "cli/workload.h"

struct options {
    str label;
    bool differing, no_header;
};

static const struct flag flags[] = {
    FLAG(struct options, label, "label", 0, FLAG_STR, .value = "key",
         .help =
             "a label of namespaces whose value is the environment; else each namespace is one"),
    FLAG(struct options, differing, "differing", 0, FLAG_BOOL,
         .help = "only workloads that do not run the same everywhere"),
    FLAG(struct options, no_header, "no-header", 0, FLAG_BOOL, .help = "without the header"),
};

enum { FIXED = 2, LIMIT_ENVIRONMENTS = 100 };

/* Rows are workloads by kind, name and container, columns are environments; a cell may hold several
 * tags. */
struct matrix {
    struct cli *cli;
    const struct options *options;
    str environments[LIMIT_ENVIRONMENTS];
    size_t environment_count;
    bool chosen;       /* the arguments say which environments there are */
    struct map labels; /* namespace to the str of its label, with --label */
    struct map rows;   /* title and container to str[LIMIT_ENVIRONMENTS] */
};

static ptrdiff_t find_environment(const struct matrix *matrix, str name)
{
    for (size_t i = 0; i < matrix->environment_count; i++)
        if (str_eq(matrix->environments[i], name)) return (ptrdiff_t)i;
    return -1;
}

/* -1: it is of no interest. */
static err *place_of(struct matrix *matrix, str namespace, ptrdiff_t *out)
{
    str name = namespace;
    *out = -1;
    if (matrix->options->label.len) {
        const str *value = map_get(&matrix->labels, namespace);
        if (!value) return NULL;
        name = *value;
    }
    *out = find_environment(matrix, name);
    if (*out >= 0 || matrix->chosen) return NULL;
    if (matrix->environment_count == LIMIT_ENVIRONMENTS)
        return err_invalid("there are more than %d environments; name those that you want to see",
                           LIMIT_ENVIRONMENTS);
    *out = (ptrdiff_t)matrix->environment_count;
    matrix->environments[matrix->environment_count++] = name;
    return NULL;
}

static err *read_labels(struct matrix *matrix)
{
    arena *a = matrix->cli->a;
    struct kube_request list = {.verb = KUBE_LIST,
                                .ref = {.kind = {STR(""), STR("v1"), STR("Namespace")}},
                                .label_selector = matrix->options->label};
    node *answer;
    TRY(kube_do(matrix->cli->kube, a, &list, &answer));
    NODE_EACH (node_get(answer, STR("items")), namespace) {
        const node *metadata = node_get(namespace, STR("metadata"));
        str *value = NEW(a, str);
        *value = node_get_str(node_get(metadata, STR("labels")), matrix->options->label);
        if (value->len) map_put(&matrix->labels, node_get_str(metadata, STR("name")), value);
    }
    return NULL;
}

static err *add(struct matrix *matrix, const struct workload *workload)
{
    arena *a = matrix->cli->a;
    ptrdiff_t at;
    TRY(place_of(matrix, workload->namespace, &at));
    if (at < 0) return NULL;
    str key = str_printf(a, STR_FMT " " STR_FMT, STR_ARG(workload_title(a, workload)),
                         STR_ARG(workload->container));
    str **row = (str **)map_at(&matrix->rows, key);
    if (!*row) *row = NEW_ARRAY(a, str, LIMIT_ENVIRONMENTS);
    str *cell = &(*row)[at];
    if (!cell->len)
        *cell = workload->running;
    else if (!str_eq(*cell, workload->running))
        *cell = str_printf(a, STR_FMT ", " STR_FMT, STR_ARG(*cell), STR_ARG(workload->running));
    return NULL;
}

/* An environment where it does not run makes no difference. */
static bool is_same(const struct matrix *matrix, const str *row)
{
    str first = {0};
    for (size_t i = 0; i < matrix->environment_count; i++) {
        if (!row[i].len) continue;
        if (first.len && !str_eq(first, row[i])) return false;
        first = row[i];
    }
    return true;
}

static void write(struct matrix *matrix)
{
    arena *a = matrix->cli->a;
    size_t columns = FIXED + matrix->environment_count + 1;
    const char **headers = NEW_ARRAY(a, const char *, columns);
    headers[0] = "Workload";
    headers[1] = "Container";
    for (size_t i = 0; i < matrix->environment_count; i++)
        headers[FIXED + i] = str_z(a, matrix->environments[i]);
    headers[columns - 1] = "Same";
    struct grid grid = grid_begin(a, headers, columns);
    MAP_EACH (&matrix->rows, entry) {
        const str *row = entry->value;
        str *cells = NEW_ARRAY(a, str, columns);
        bool same = is_same(matrix, row);
        if (same && matrix->options->differing) continue;
        str_cut(entry->key, ' ', &cells[0], &cells[1]);
        for (size_t i = 0; i < matrix->environment_count; i++)
            cells[FIXED + i] = row[i].len ? row[i] : STR("-");
        cells[columns - 1] = same ? STR("yes") : STR("no");
        grid_add(&grid, cells);
    }
    if (grid_rows(&grid))
        grid_write(&matrix->cli->out, &grid, !matrix->options->no_header);
    else
        cli_success("%s", matrix->options->differing ? "every workload runs the same everywhere"
                                                     : "no workloads found");
}

static err *run(struct cli *cli, const void *given)
{
    struct matrix *matrix = NEW(cli->a, struct matrix);
    struct workload *workloads;
    size_t count;
    *matrix = (struct matrix){.cli = cli, .options = given, .chosen = cli->arg_count > 0};
    if (cli->arg_count > LIMIT_ENVIRONMENTS)
        return err_invalid("at most %d environments can be shown", LIMIT_ENVIRONMENTS);
    for (size_t i = 0; i < cli->arg_count; i++)
        matrix->environments[matrix->environment_count++] = cli->args[i];
    TRY(cli_connect(cli));
    err *e = matrix->options->label.len ? read_labels(matrix) : NULL;
    if (!e) e = workload_list(cli, (str){0}, &workloads, &count);
    for (size_t i = 0; !e && i < count; i++)
        e = add(matrix, &workloads[i]);
    if (!e) write(matrix);
    map_done(&matrix->labels);
    map_done(&matrix->rows);
    return e;
}

COMMAND(images_matrix) = {
    .path = "images matrix",
    .usage = "[ENVIRONMENT...]",
    .summary = "show which tag of each workload runs in which environment",
    .help = "An environment is a namespace, or with --label the value of a label of namespaces.\n"
            "Workloads of the same kind and name are one row. Environments are shown in the order\n"
            "of the arguments; without any, all there are.",
    .examples = "  fixpoint images matrix dev staging production\n"
                "  fixpoint images matrix --label environment --differing",
    COMMAND_FLAGS(flags, struct options),
    .args_max = -1,
    .run = run,
};
