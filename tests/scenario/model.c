#include "scenario/model.h"

#include "base/buf.h"
#include "scenario/depot.h"

const char *const model_kind_names[] = {"ConfigMap", "Secret", "Deployment", "Service"};
const char *const model_collections[] = {"/configmaps", "/secrets", "apps/deployments",
                                         "/services"};
static const char *const prefixes[] = {"config-map", "secret", "deployment", "service"};

static arena memory;
static struct model_revision *revisions[MODEL_REVISIONS];
static int revision_count;
static const struct model_revision *heads[MODEL_REVISIONS * 2]; /* in the order of time */
static int head_count;

str model_name(struct arena *a, const struct model_thing *thing, int index)
{
    return str_printf(a, "%s-%d", prefixes[thing->kind], index);
}

str model_unit_name(struct arena *a, int unit)
{
    return str_printf(a, "unit-%d", unit);
}

static void add_spec(buf *b, const struct model_thing *thing, str name)
{
    switch (thing->kind) {
    case MODEL_CONFIG_MAP:
        buf_printf(b, "data: {value: \"%d\"}\n", thing->version);
        break;
    case MODEL_SECRET:
        buf_printf(b, "stringData: {value: \"" MODEL_SECRET_MARK "%d\"}\n", thing->version);
        break;
    case MODEL_SERVICE:
        buf_printf(b, "spec: {selector: {app: x}, ports: [{port: %d}]}\n", 1000 + thing->version);
        break;
    case MODEL_DEPLOYMENT:
    default:
        buf_printf(b,
                   "spec:\n  replicas: 1\n  selector: {matchLabels: {app: " STR_FMT "}}\n"
                   "  template:\n    metadata: {labels: {app: " STR_FMT "}}\n"
                   "    spec: {containers: [{name: main, image: \"app:%s%d\"}]}\n",
                   STR_ARG(name), STR_ARG(name), thing->unit == MODEL_STUCK ? "broken-" : "",
                   thing->version);
    }
}

static str manifest(arena *a, const struct model_thing *thing, int index)
{
    str name = model_name(a, thing, index);
    buf b = BUF(a);
    buf_printf(&b,
               "apiVersion: %s\nkind: %s\n"
               "metadata:\n  name: " STR_FMT
               "\n  namespace: apps\n  annotations: {version: \"%d\"}\n",
               thing->kind == MODEL_DEPLOYMENT ? "apps/v1" : "v1", model_kind_names[thing->kind],
               STR_ARG(name), thing->version);
    add_spec(&b, thing, name);
    return buf_str(&b);
}

/* Two ways in which manifests are wrong; what the API server says of each has its name, and of the
 * second it quotes the value. */
static str fault(arena *a, int unit, int index)
{
    const char *format = index % 2 ? "apiVersion: v1\nkind: Secret\nmetadata: {name: fault-%d-%d, "
                                     "namespace: apps}\nstringData: {value: " MODEL_SECRET_NUMBER
                                     "}\n"
                                   : "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "
                                     "fault-%d-%d, namespace: apps}\ndata: {value: [1, 2]}\n";
    return str_printf(a, format, unit, index);
}

static size_t add_unit(arena *a, const struct model_revision *revision, int unit,
                       struct depot_file *files)
{
    size_t count = 0;
    str folder = model_unit_name(a, unit);
    for (int i = 0; i < revision->bad[unit]; i++) {
        files[count++] = (struct depot_file){
            str_printf(a, STR_FMT "/a-fault-%d.yaml", STR_ARG(folder), i), fault(a, unit, i)};
    }
    files[count++] = (struct depot_file){
        str_concat(a, folder, STR("/base.yaml")),
        str_printf(a,
                   "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: base-%d, namespace: apps}\n",
                   unit)};
    for (int i = 0; i < MODEL_THINGS; i++) {
        const struct model_thing *thing = &revision->things[i];
        if (!thing->exists || thing->unit != unit) continue;
        files[count++] = (struct depot_file){
            str_printf(a, STR_FMT "/thing-%02d.yaml", STR_ARG(folder), i), manifest(a, thing, i)};
    }
    return count;
}

const struct model_revision *model_commit(struct model_revision *revision)
{
    arena a AUTO(arena_done) = {0};
    struct depot_file files[MODEL_THINGS + MODEL_UNITS * 8];
    size_t count = 0;
    must(revision_count < MODEL_REVISIONS);
    for (int unit = 0; unit < MODEL_UNITS; unit++)
        count += add_unit(&a, revision, unit, files + count);
    struct model_revision *kept = NEW(&memory, struct model_revision);
    *kept = *revision;
    kept->sha = depot_commit(files, count, str_printf(&a, "revision %d", revision_count));
    revisions[revision_count++] = kept;
    heads[head_count++] = kept;
    return kept;
}

void model_move(const struct model_revision *revision)
{
    must(head_count < MODEL_REVISIONS * 2);
    heads[head_count++] = revision;
    depot_move(revision->sha);
}

static bool has_thing(const struct model_revision *revision, int unit, str name)
{
    arena a AUTO(arena_done) = {0};
    for (int i = 0; i < MODEL_THINGS; i++) {
        const struct model_thing *thing = &revision->things[i];
        if (thing->exists && thing->unit == unit && str_eq(model_name(&a, thing, i), name))
            return true;
    }
    return false;
}

int model_head_without(str since, int unit, str thing, int from)
{
    int first = 0;
    while (first < head_count && str_find(since, heads[first]->sha) < 0)
        first++;
    if (first == head_count) first = 0;
    for (int i = MAX(first, from); i < head_count; i++) {
        if (!has_thing(heads[i], unit, thing)) return i;
    }
    return -1;
}

const struct model_revision *model_head_at(int index)
{
    return heads[index];
}

int model_revision_count(void)
{
    return revision_count;
}

const struct model_revision *model_revision_at(int index)
{
    return revisions[index];
}

const struct model_revision *model_find(str sha)
{
    for (int i = revision_count - 1; i >= 0; i--) {
        if (str_find(sha, revisions[i]->sha) >= 0) return revisions[i];
    }
    return NULL;
}
