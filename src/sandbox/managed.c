#include "sandbox/managed.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"

struct entry {
    str manager, operation, api_version, subresource, time;
    struct fieldset *set;
};

struct entries {
    struct entry *items;
    size_t count, room;
};

static const char apply_operation[] = "Apply", update_operation[] = "Update";
#define ANCIENT "ancient-changes"

static err *read_entries(arena *a, const node *object, struct entries *out)
{
    *out = (struct entries){0};
    NODE_EACH (node_find(object, "metadata", "managedFields", NULL), item) {
        struct entry entry = {
            .manager = node_get_str(item, STR("manager")),
            .operation = node_get_str(item, STR("operation")),
            .api_version = node_get_str(item, STR("apiVersion")),
            .subresource = node_get_str(item, STR("subresource")),
            .time = node_get_str(item, STR("time")),
        };
        if (!entry.operation.len) continue;
        TRY(fieldset_read(a, node_get(item, STR("fieldsV1")), &entry.set));
        *ARENA_PUSH(a, out->items, out->count, out->room) = entry;
    }
    return NULL;
}

static int by_rank(const void *left, const void *right)
{
    const struct entry *x = left, *y = right;
    int order = str_cmp(x->operation, y->operation);
    if (!order) order = str_cmp(x->time, y->time);
    if (!order) order = str_cmp(x->manager, y->manager);
    if (!order) order = str_cmp(x->api_version, y->api_version);
    if (!order) order = str_cmp(x->subresource, y->subresource);
    return order;
}

static bool is_same(const struct entry *x, const struct entry *y)
{
    return str_eq(x->manager, y->manager) && str_eq(x->operation, y->operation) &&
           str_eq(x->subresource, y->subresource) &&
           (str_is(x->operation, apply_operation) || str_eq(x->api_version, y->api_version));
}

static struct entry *find_entry(struct entries *entries, const struct entry *wanted)
{
    for (size_t i = 0; i < entries->count; i++)
        if (is_same(&entries->items[i], wanted)) return &entries->items[i];
    return NULL;
}

/* Beyond the bound the oldest updates become one entry. */
static void cap_updates(arena *a, struct entries *entries)
{
    size_t updates = 0;
    for (size_t i = 0; i < entries->count; i++)
        updates += str_is(entries->items[i].operation, update_operation);
    for (size_t i = 0; i + 1 < entries->count && updates > LIMIT_SANDBOX_MANAGERS; updates--) {
        while (!str_is(entries->items[i].operation, update_operation))
            i++;
        struct entry *old = &entries->items[i], *next = old + 1;
        next->manager = STR(ANCIENT);
        next->set = fieldset_union(a, old->set, next->set);
        memmove(old, next, (entries->count - i - 1) * sizeof *old);
        entries->count--;
    }
}

static void write_entries(arena *a, struct entries *entries, node *object)
{
    size_t kept = 0;
    for (size_t i = 0; i < entries->count; i++)
        if (!fieldset_is_empty(entries->items[i].set)) entries->items[kept++] = entries->items[i];
    entries->count = kept;
    if (kept) qsort(entries->items, kept, sizeof *entries->items, by_rank);
    cap_updates(a, entries);
    node *list = node_list(a);
    for (size_t i = 0; i < entries->count; i++) {
        const struct entry *entry = &entries->items[i];
        node *item = node_map(a);
        node_set_str(a, item, STR("manager"), entry->manager);
        node_set_str(a, item, STR("operation"), entry->operation);
        node_set_str(a, item, STR("apiVersion"), entry->api_version);
        if (entry->time.len) node_set_str(a, item, STR("time"), entry->time);
        node_set_str(a, item, STR("fieldsType"), STR("FieldsV1"));
        node_set(a, item, STR("fieldsV1"), fieldset_write(a, entry->set));
        if (entry->subresource.len) node_set_str(a, item, STR("subresource"), entry->subresource);
        node_push(a, list, item);
    }
    const node *old = node_get(object, STR("metadata"));
    node *metadata = node_is_map(old) ? doc_copy_top(a, old) : node_map(a);
    node_set(a, object, STR("metadata"), metadata);
    if (list->count)
        node_set(a, metadata, STR("managedFields"), list);
    else
        node_unset(metadata, STR("managedFields"));
}

/* What the server sets and nobody owns. */
static struct fieldset *unowned(arena *a)
{
    static const char *const fields[] = {"f:name",
                                         "f:namespace",
                                         "f:creationTimestamp",
                                         "f:selfLink",
                                         "f:uid",
                                         "f:clusterName",
                                         "f:generation",
                                         "f:managedFields",
                                         "f:resourceVersion",
                                         "f:deletionTimestamp",
                                         "f:deletionGracePeriodSeconds"};
    struct fieldset *set = fieldset_new(a);
    fieldset_at(a, set, STR("f:apiVersion"))->member = true;
    fieldset_at(a, set, STR("f:kind"))->member = true;
    struct fieldset *metadata = fieldset_at(a, set, STR("f:metadata"));
    metadata->member = true;
    for (size_t i = 0; i < COUNT(fields); i++)
        fieldset_at(a, metadata, str_of(fields[i]))->member = true;
    return set;
}

static node *bare(arena *a, const node *object)
{
    node *out = doc_copy_top(a, object);
    node *metadata = node_get(object, STR("metadata"));
    if (!node_is_map(metadata)) return out;
    metadata = doc_copy_top(a, metadata);
    node_unset(metadata, STR("managedFields"));
    node_set(a, out, STR("metadata"), metadata);
    return out;
}

struct taken {
    node *causes;
    arena *a;
    const struct entry *from;
};

static void add_manager(buf *b, const struct entry *entry)
{
    buf_printf(b, "\"" STR_FMT "\"", STR_ARG(entry->manager));
    if (entry->subresource.len)
        buf_printf(b, " with subresource \"" STR_FMT "\"", STR_ARG(entry->subresource));
    if (str_is(entry->operation, update_operation))
        buf_printf(b, " using " STR_FMT, STR_ARG(entry->api_version));
}

static void note_cause(void *context, str path)
{
    struct taken *taken = context;
    arena *a = taken->a;
    buf message = BUF(a);
    BUF_ADD(&message, "conflict with ");
    add_manager(&message, taken->from);
    node *cause = node_map(a);
    node_set_str(a, cause, STR("reason"), STR("FieldManagerConflict"));
    node_set_str(a, cause, STR("message"), buf_str(&message));
    node_set_str(a, cause, STR("field"), path);
    node_push(a, taken->causes, cause);
}

/* By manager, then by field. */
static int by_message(const void *left, const void *right)
{
    const node *x = *(node *const *)left, *y = *(node *const *)right;
    int order = str_cmp(node_get_str(x, STR("message")), node_get_str(y, STR("message")));
    return order ? order : str_cmp(node_get_str(x, STR("field")), node_get_str(y, STR("field")));
}

/* The words of upstream: one conflict in a line, several as a list by manager. */
static err *conflict_error(const node *causes)
{
    arena a AUTO(arena_done) = {0};
    buf text = BUF(&a);
    if (causes->count == 1) {
        str message = node_get_str(causes->items[0], STR("message"));
        str field = node_get_str(causes->items[0], STR("field"));
        buf_printf(&text, "Apply failed with 1 conflict: " STR_FMT ": " STR_FMT, STR_ARG(message),
                   STR_ARG(field));
    } else {
        buf_printf(&text, "Apply failed with %u conflicts: ", causes->count);
        str last = {0};
        for (uint32_t i = 0; i < causes->count; i++) {
            str message = node_get_str(causes->items[i], STR("message"));
            str rest = message;
            str_strip_prefix(&rest, STR("conflict with"));
            if (!str_eq(message, last)) {
                buf_printf(&text, "%sconflicts with" STR_FMT ":", i ? "\n" : "", STR_ARG(rest));
            }
            buf_printf(&text, "\n- " STR_FMT,
                       STR_ARG(node_get_str(causes->items[i], STR("field"))));
            last = message;
        }
    }
    return err_with_status(err_conflict(STR_FMT, STR_ARG(buf_str(&text))), 409);
}

/* Takes what changed away from all entries but `self`; with causes, others must not lose. */
static err *take_changes(arena *a, struct entries *entries, const struct entry *self,
                         const struct typed_changes *changes, const struct managed_apply *apply)
{
    if (apply && !apply->force) {
        for (size_t i = 0; i < entries->count; i++) {
            struct entry *entry = &entries->items[i];
            if (entry == self) continue;
            struct taken taken = {.causes = apply->causes, .a = a, .from = entry};
            fieldset_each(a, fieldset_common(a, entry->set, changes->set), note_cause, &taken);
        }
        node *causes = apply->causes;
        if (causes->count) qsort(causes->items, causes->count, sizeof(node *), by_message);
        if (causes->count) return conflict_error(causes);
    }
    for (size_t i = 0; i < entries->count; i++) {
        struct entry *entry = &entries->items[i];
        if (entry != self) entry->set = fieldset_minus(a, entry->set, changes->set);
        if (entry != self) entry->set = fieldset_minus(a, entry->set, changes->removed);
    }
    return NULL;
}

static struct entry entry_of(const struct managed_writer *writer, const char *operation)
{
    return (struct entry){.manager = writer->manager,
                          .operation = str_of(operation),
                          .api_version = writer->api_version,
                          .subresource = writer->subresource,
                          .time = writer->time};
}

/* An empty list, or one of nothing, in an update: nobody is to own anything any more. */
static bool is_reset(const node *object)
{
    const node *list = node_find(object, "metadata", "managedFields", NULL);
    if (!node_is_list(list) || list->count > 1) return false;
    return !list->count || (node_is_map(list->items[0]) && !list->items[0]->count);
}

/* Clients may edit the entries; those that do not know them leave them out, which changes nothing.
 */
static err *read_updated(arena *a, const struct managed_writer *writer, const node *live,
                         const node *after, struct entries *out)
{
    if (!writer->subresource.len) {
        *out = (struct entries){0};
        if (is_reset(after)) return NULL;
        err *e AUTO(err_done) = read_entries(a, after, out);
        if (!e && out->count) return NULL;
    }
    return read_entries(a, live, out);
}

err *managed_update(arena *a, const struct managed_writer *writer, const node *live, node *after)
{
    struct entries entries;
    TRY(read_updated(a, writer, live, after, &entries));
    struct typed_changes changes;
    err *e AUTO(err_done) =
        typed_compare(a, writer->typing, bare(a, live), bare(a, after), &changes);
    /* Like upstream: whose lists cannot be told apart is stored, and the entries stay as they are;
     * who once gave up the entries of an object does not get them back by an update. */
    if (e || (writer->exists && !entries.count)) {
        write_entries(a, &entries, after);
        return NULL;
    }
    struct fieldset *ignored = unowned(a);
    changes.set = fieldset_minus(a, changes.set, ignored);
    if (writer->resets_status) fieldset_drop(changes.set, STR("f:status"));
    TRY(take_changes(a, &entries, NULL, &changes, NULL));
    changes.set->member = false;
    if (!fieldset_is_empty(changes.set)) {
        struct entry new = entry_of(writer, update_operation);
        struct entry *mine = find_entry(&entries, &new);
        if (mine) {
            mine->set = fieldset_union(a, mine->set, changes.set);
            mine->time = new.time;
        } else {
            new.set = changes.set;
            *ARENA_PUSH(a, entries.items, entries.count, entries.room) = new;
        }
    }
    write_entries(a, &entries, after);
    return NULL;
}

static struct fieldset *all_owned(arena *a, const struct entries *entries)
{
    struct fieldset *all = fieldset_new(a);
    for (size_t i = 0; i < entries->count; i++)
        all = fieldset_union(a, all, entries->items[i].set);
    return all;
}

err *managed_apply(arena *a, const struct managed_writer *writer, struct managed_apply options,
                   node *live, node *applied, node **out)
{
    struct entries entries;
    TRY(read_entries(a, live, &entries));
    node *before = bare(a, live), *merged;
    if (writer->exists && !entries.count) {
        struct entry first = entry_of(writer, update_operation);
        first.manager = STR("before-first-apply");
        first.subresource = (str){0};
        struct typed_changes all;
        TRY(typed_compare(a, writer->typing, NULL, before, &all));
        first.set = fieldset_minus(a, all.set, unowned(a));
        *ARENA_PUSH(a, entries.items, entries.count, entries.room) = first;
    }
    TRY(typed_merge(a, writer->typing, before, applied, &merged));
    struct entry new = entry_of(writer, apply_operation);
    TRY(typed_set(a, writer->typing, applied, &new.set));
    new.set = fieldset_minus(a, new.set, unowned(a));

    struct entry *mine = find_entry(&entries, &new);
    struct entry last = mine ? *mine : (struct entry){0};
    if (!mine) {
        *ARENA_PUSH(a, entries.items, entries.count, entries.room) = new;
        mine = &entries.items[entries.count - 1];
    }
    mine->set = new.set;
    mine->api_version = new.api_version;
    struct fieldset *gone =
        fieldset_minus(a, fieldset_named(a, last.set), fieldset_named(a, all_owned(a, &entries)));
    if (fieldset_child(gone, STR("f:metadata")))
        fieldset_at(a, gone, STR("f:metadata"))->member = false; /* it holds what nobody owns */
    node *kept = typed_without(a, writer->typing, merged, gone);
    merged = kept ? kept : node_map(a);

    struct typed_changes changes;
    TRY(typed_compare(a, writer->typing, before, merged, &changes));
    TRY(take_changes(a, &entries, mine, &changes, &options));
    /* Like upstream: an apply that changes nothing leaves the time as it was, even if it is new. */
    bool same = node_equal(before, merged);
    mine->time = same ? last.time : new.time;
    merged = doc_copy_top(a, merged);
    write_entries(a, &entries, merged);
    *out = merged;
    return NULL;
}
