/* images list: what runs, what the policies allow, and what there is. */
#include "base/semver.h"
#include "cli/grid.h"
#include "cli/workload.h"
#include "control/kind.h"
#include "doc/json.h"
#include "doc/yaml_emit.h"

struct options {
    bool all_namespaces, outdated, no_header;
    str output;
};

static const char *const outputs[] = {"json", "yaml", NULL};

static const struct flag flags[] = {
    FLAG(struct options, all_namespaces, "all-namespaces", 'A', FLAG_BOOL,
         .help = "workloads of every namespace"),
    FLAG(struct options, outdated, "outdated", 0, FLAG_BOOL,
         .help = "only containers that run something else than their policy allows"),
    FLAG(struct options, no_header, "no-header", 0, FLAG_BOOL, .help = "without the header"),
    FLAG(struct options, output, "output", 'o', FLAG_STR, .value = "format", .choices = outputs,
         .help = "instead of a table"),
};

/* What is known about images, whatever the namespace it is known in. */
struct known {
    struct cli *cli;
    const node *policies, *repositories;
};

struct row {
    const struct workload *workload;
    const node *policy; /* NULL: none */
    str allowed, available, state;
};

/* Of every namespace; of ours alone where that is all we may see. */
static err *list(struct cli *cli, const char *name, const node **out)
{
    struct kube_request request = {.verb = KUBE_LIST,
                                   .ref = {.kind = kind_gvk(kind_find(str_of(name)))}};
    node *answer;
    err *e = kube_do(cli->kube, cli->a, &request, &answer);
    if (err_is(e, ERR_DENIED)) {
        err_free(e);
        request.ref.namespace = cli->globals.namespace;
        e = kube_do(cli->kube, cli->a, &request, &answer);
    }
    if (e) return e;
    *out = node_get(answer, STR("items"));
    return NULL;
}

static bool is_about(arena *a, const node *policy, str image)
{
    struct reference ref;
    str name = node_find_str(policy, "status", "latestRef", "name", NULL);
    if (!name.len) return false;
    err *e AUTO(err_done) = reference_parse(a, name, &ref);
    return !e && str_eq(reference_name(a, &ref), image);
}

/* Versions by precedence, before all that is none. */
static bool is_newer(str tag, str than)
{
    struct semver left, right;
    if (!semver_parse_tag(tag, &left)) return false;
    return !semver_parse_tag(than, &right) || semver_cmp(&left, &right) > 0;
}

/* The highest version that any status names; when there is none, the first tag of the last scan. */
static str newest(struct known *known, str image)
{
    str best = {0}, tag;
    NODE_EACH (known->repositories, repository) {
        if (!str_eq(node_find_str(repository, "status", "canonicalImageName", NULL), image))
            continue;
        NODE_EACH (node_find(repository, "status", "lastScanResult", "latestTags", NULL), item)
            if (node_to_str(item, &tag) && (!best.len || is_newer(tag, best))) best = tag;
    }
    NODE_EACH (known->policies, policy) {
        if (!is_about(known->cli->a, policy, image)) continue;
        tag = node_find_str(policy, "status", "latestRef", "tag", NULL);
        if (is_newer(tag, best)) best = tag;
    }
    return best;
}

static str state_of(const struct workload *workload, const node *policy)
{
    const node *latest = node_find(policy, "status", "latestRef", NULL);
    str tag = node_get_str(latest, STR("tag")), digest = node_get_str(latest, STR("digest"));
    struct semver left, right;
    bool pinned = workload->ref.digest.len > 0;
    if (pinned && digest.len)
        return str_eq(workload->ref.digest, digest) ? STR("current") : STR("other digest");
    if (pinned && !workload->ref.tag.len) return STR("unknown");
    if (str_eq(workload->running, tag)) return STR("current");
    if (!semver_parse_tag(workload->running, &left) || !semver_parse_tag(tag, &right))
        return STR("differs");
    return semver_cmp(&left, &right) < 0 ? STR("behind") : STR("ahead");
}

static str policy_title(arena *a, const node *policy)
{
    if (!policy) return STR("-");
    return str_printf(a, STR_FMT "/" STR_FMT,
                      STR_ARG(node_find_str(policy, "metadata", "namespace", NULL)),
                      STR_ARG(node_find_str(policy, "metadata", "name", NULL)));
}

static str or_dash(str text)
{
    return text.len ? text : STR("-");
}

/* ---- output ---- */

struct report {
    struct cli *cli;
    const struct options *options;
    struct grid grid;
    node *items; /* with an output format */
};

static struct grid grid_of(arena *a, const struct options *options)
{
    static const char *const headers[] = {"Namespace", "Workload",  "Container", "Image", "Running",
                                          "Allowed",   "Available", "Policy",    "State"};
    size_t skipped = options->all_namespaces ? 0 : 1;
    return grid_begin(a, headers + skipped, COUNT(headers) - skipped);
}

static void add_row(struct report *report, const struct row *row)
{
    static const char *const names[] = {"namespace", "workload",  "container", "image", "running",
                                        "allowed",   "available", "policy",    "state"};
    arena *a = report->cli->a;
    const struct workload *workload = row->workload;
    str cells[] = {workload->namespace,
                   workload_title(a, workload),
                   workload->container,
                   workload_image(a, workload),
                   workload->running,
                   or_dash(row->allowed),
                   or_dash(row->available),
                   policy_title(a, row->policy),
                   row->state};
    if (report->options->outdated && (!row->policy || str_is(row->state, "current"))) return;
    if (!report->options->output.len) {
        grid_add(&report->grid, cells + (report->options->all_namespaces ? 0 : 1));
        return;
    }
    node *item = node_map(a);
    for (size_t i = 0; i < COUNT(cells); i++)
        if (!str_is(cells[i], "-")) node_set_str(a, item, str_of(names[i]), cells[i]);
    node_push(a, report->items, item);
}

/* Policies of the workload's own namespace go before those of others. */
static void add_rows(struct report *report, struct known *known, const struct workload *workload)
{
    arena *a = report->cli->a;
    str image = workload_image(a, workload);
    struct row row = {.workload = workload, .available = newest(known, image)};
    bool found = false;
    for (int near = 1; near >= 0 && !found; near--) {
        NODE_EACH (known->policies, policy) {
            str namespace = node_find_str(policy, "metadata", "namespace", NULL);
            if (str_eq(namespace, workload->namespace) != near || !is_about(a, policy, image))
                continue;
            found = true;
            row.policy = policy;
            row.allowed = node_find_str(policy, "status", "latestRef", "tag", NULL);
            row.state = state_of(workload, policy);
            add_row(report, &row);
        }
    }
    row.state = STR("no policy");
    if (!found) add_row(report, &row);
}

static err *write(struct report *report)
{
    struct cli *cli = report->cli;
    if (str_is(report->options->output, "yaml")) return yaml_emit(&cli->out, report->items);
    if (report->options->output.len) {
        json_write(&cli->out, report->items, (struct json_style){.indent = 2});
        BUF_ADD(&cli->out, "\n");
    } else if (grid_rows(&report->grid)) {
        grid_write(&cli->out, &report->grid, !report->options->no_header);
    } else {
        cli_success("%s", report->options->outdated ? "every container runs what its policy allows"
                                                    : "no workloads found");
    }
    return NULL;
}

static err *run(struct cli *cli, const void *given)
{
    const struct options *options = given;
    struct known known = {.cli = cli};
    struct workload *workloads;
    size_t count;
    TRY(cli_connect(cli));
    str namespace = options->all_namespaces ? (str){0} : cli->globals.namespace;
    TRY(list(cli, "ImagePolicy", &known.policies));
    TRY(list(cli, "ImageRepository", &known.repositories));
    TRY(workload_list(cli, namespace, &workloads, &count));
    struct report report = {cli, options, grid_of(cli->a, options), node_list(cli->a)};
    for (size_t i = 0; i < count; i++)
        add_rows(&report, &known, &workloads[i]);
    return write(&report);
}

COMMAND(images_list) = {
    .path = "images list",
    .summary = "show which images run, which the policies allow, and which there are",
    .help =
        "A row for each container and ImagePolicy of its image; policies of its own namespace go\n"
        "before those of others. RUNNING is the tag in the workload's Pod template. AVAILABLE is\n"
        "the highest version that the status of an ImageRepository or ImagePolicy names.",
    .examples = "  fixpoint images list -n production\n"
                "  fixpoint images list -A --outdated",
    COMMAND_FLAGS(flags, struct options),
    .run = run,
};
