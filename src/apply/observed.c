#include "apply/observed.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "apply/prepare.h"
#include "base/hash.h"
#include "base/log.h"

struct record {
    struct owner *owner; /* NULL: nobody's by its labels */
    uint64_t seen, expected, desired;
    uint64_t version; /* resourceVersion of what we know */
    uint32_t mark;    /* of the LIST it was last seen in */
    uint8_t health;
    bool exists;
    char *message; /* why it is not Current; NULL when it is */
};

/* Units that own records, kept once each. They are few and never dropped while the process lives.
 */
struct owner {
    str key; /* "ns/name" */
};

struct followed {
    struct observed *observed;
    struct kube_kind kind; /* texts are ours */
    struct kube_resource resource;
    struct watch *watch; /* the loop's */
    struct map records;  /* "ns/name" to struct record * */
    struct map waiting;  /* owners to tell once the list is there */
    uint64_t told;       /* the resource version up to which the watch has told everything */
    uint32_t mark;
    bool synced, denied, attended;
    char *texts;
};

struct observed {
    struct observed_options options;
    pthread_mutex_t lock; /* guards kinds, their records, and owners */
    struct map kinds;     /* "group/Kind" to struct followed * */
    struct map owners;    /* "ns/name" to struct owner * */
    bool stopped;
};

struct observed *observed_new(struct observed_options options)
{
    struct observed *observed = lang_zalloc(sizeof *observed);
    observed->options = options;
    pthread_mutex_init(&observed->lock, NULL);
    return observed;
}

static void free_record(struct record *record)
{
    if (!record) return;
    free(record->message);
    free(record);
}

static void free_followed(struct followed *followed)
{
    MAP_EACH (&followed->records, entry)
        free_record(entry->value);
    map_done(&followed->records);
    map_done(&followed->waiting);
    free(followed->texts);
    free(followed);
}

void observed_stop(struct observed *observed)
{
    pthread_mutex_lock(&observed->lock);
    observed->stopped = true;
    pthread_mutex_unlock(&observed->lock);
    MAP_EACH (&observed->kinds, entry) {
        struct followed *followed = entry->value;
        if (followed->watch) watch_stop(followed->watch);
        followed->watch = NULL;
    }
}

void observed_free(struct observed *observed)
{
    if (!observed) return;
    MAP_EACH (&observed->kinds, entry)
        free_followed(entry->value);
    MAP_EACH (&observed->owners, entry)
        free(entry->value);
    map_done(&observed->kinds);
    map_done(&observed->owners);
    pthread_mutex_destroy(&observed->lock);
    free(observed);
}

/* ---- ownership ---- */

const node *observed_entry(const node *object, const char *field_manager)
{
    NODE_EACH (node_find(object, "metadata", "managedFields", NULL), entry) {
        if (str_is(node_get_str(entry, STR("manager")), field_manager) &&
            str_is(node_get_str(entry, STR("operation")), "Apply") &&
            !node_get_str(entry, STR("subresource")).len) {
            return entry;
        }
    }
    return NULL;
}

uint64_t observed_ownership(const node *object)
{
    const node *entry = observed_entry(object, OBSERVED_FIELD_MANAGER);
    if (!entry) return 0;
    uint64_t fields = node_hash(node_get(entry, STR("fieldsV1")));
    uint64_t digest = hash_mix(hash_stable(node_find_str(object, "metadata", "uid", NULL)), fields);
    return digest ? digest : 1;
}

bool observed_has_drifted(const struct observed_record *record)
{
    if (!record->watched || !record->expected) return false;
    return !record->exists || record->seen != record->expected;
}

/* ---- records, under the lock ---- */

static str kind_key(arena *a, struct kube_kind kind)
{
    return str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(kind.group), STR_ARG(kind.kind));
}

static str object_key(arena *a, str namespace, str name)
{
    return str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(namespace), STR_ARG(name));
}

static struct followed *find_kind(struct observed *observed, arena *a, struct kube_kind kind)
{
    return map_get(&observed->kinds, kind_key(a, kind));
}

static struct record *record_at(struct followed *followed, str key)
{
    struct record **at = (struct record **)map_at(&followed->records, key);
    if (!*at) *at = lang_zalloc(sizeof **at);
    return *at;
}

static struct owner *owner_of(struct observed *observed, arena *a, const node *object)
{
    str key = prepare_owner(a, object);
    if (!key.len) return NULL;
    struct owner **at = (struct owner **)map_at(&observed->owners, key);
    if (*at) return *at;
    struct owner *owner = lang_zalloc(sizeof *owner + key.len);
    memcpy(owner + 1, key.data, key.len);
    owner->key = str_from((const char *)(owner + 1), key.len);
    return *at = owner;
}

static void set_health(struct record *record, enum health_status health, str message)
{
    record->health = (uint8_t)health;
    free(record->message);
    record->message = NULL;
    if (health == HEALTH_CURRENT || !message.len) return;
    record->message = lang_alloc(message.len + 1);
    memcpy(record->message, message.data, message.len);
    record->message[message.len] = '\0';
}

/* What an object looks like from outside of the lock. */
struct sight {
    uint64_t version, seen;
    enum health_status health;
    str message;
};

static struct sight look(arena *a, const node *object)
{
    struct sight sight = {.seen = observed_ownership(object)};
    str_to_uint(node_find_str(object, "metadata", "resourceVersion", NULL), &sight.version);
    sight.health = health_of(a, object, &sight.message);
    return sight;
}

/* True if what changed matters to the unit. */
static bool take_sight(struct record *record, const struct sight *sight, struct owner *owner)
{
    bool matters = !record->exists || record->seen != sight->seen ||
                   record->health != (uint8_t)sight->health || record->owner != owner;
    record->exists = true;
    record->seen = sight->seen;
    record->version = sight->version;
    record->owner = owner;
    set_health(record, sight->health, sight->message);
    return matters;
}

/* ---- the watch's callbacks, on the loop ---- */

static void tell(struct observed *observed, const struct owner *owner)
{
    if (owner) observed->options.changed(observed->options.context, owner->key);
}

static void wake(struct observed *observed, const str *owners, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        observed->options.changed(observed->options.context, owners[i]);
    }
}

static void on_begin(void *context)
{
    struct followed *followed = context;
    pthread_mutex_lock(&followed->observed->lock);
    followed->mark++;
    pthread_mutex_unlock(&followed->observed->lock);
}

/* Under the lock: the object is gone, or no longer carries our label. Whom to tell. */
static struct owner *lose(struct followed *followed, str key)
{
    struct record *record = map_get(&followed->records, key);
    if (!record || !record->exists) return NULL;
    struct owner *owner = record->owner;
    if (!record->expected) {
        free_record(map_remove(&followed->records, key));
        return owner;
    }
    record->exists = false;
    record->seen = 0;
    set_health(record, HEALTH_NOT_FOUND, STR(""));
    return owner;
}

/* Under the lock: up to here, what is not there was deleted, or never there. */
static void note_told(struct followed *followed)
{
    uint64_t version;
    if (str_to_uint(watch_version(followed->watch), &version))
        followed->told = MAX(followed->told, version);
}

static void on_object(void *context, enum watch_change change, const node *object)
{
    struct followed *followed = context;
    struct observed *observed = followed->observed;
    arena a AUTO(arena_done) = {0};
    struct kube_ref ref = kube_ref_of(object);
    str key = object_key(&a, ref.namespace, ref.name);
    struct sight sight = look(&a, object);
    struct owner *owner = NULL, *before = NULL;
    bool matters = false;

    pthread_mutex_lock(&observed->lock);
    note_told(followed);
    if (change == WATCH_GONE) {
        struct record *record = map_get(&followed->records, key);
        /* An apply of ours that came after this deletion has already seen the new object. */
        if (!record || sight.version >= record->version) owner = lose(followed, key);
        matters = owner;
    } else {
        struct record *record = record_at(followed, key);
        record->mark = followed->mark;
        if (sight.version >= record->version || !record->exists) {
            before = record->owner;
            owner = owner_of(observed, &a, object);
            bool news = followed->attended && record->version != sight.version;
            matters = take_sight(record, &sight, owner) || news;
        }
    }
    pthread_mutex_unlock(&observed->lock);
    if (!matters) return;
    tell(observed, owner);
    if (before != owner) tell(observed, before);
}

static void on_synced(void *context)
{
    struct followed *followed = context;
    struct observed *observed = followed->observed;
    arena a AUTO(arena_done) = {0};
    str *owners = NULL;
    size_t count = 0, room = 0;

    pthread_mutex_lock(&observed->lock);
    followed->synced = true;
    followed->denied = false;
    note_told(followed);
    MAP_EACH (&followed->records, entry) {
        struct record *record = entry->value;
        if (!record->exists || record->mark == followed->mark) continue;
        struct owner *owner = lose(followed, entry->key);
        if (owner) *ARENA_PUSH(&a, owners, count, room) = owner->key;
    }
    MAP_EACH (&followed->waiting, entry) {
        *ARENA_PUSH(&a, owners, count, room) = str_dup(&a, entry->key);
    }
    map_clear(&followed->waiting);
    pthread_mutex_unlock(&observed->lock);
    wake(observed, owners, count);
}

/* Under the lock: forgets a kind of which nothing is expected. */
static void unfollow(struct followed *followed)
{
    arena a AUTO(arena_done) = {0};
    watch_stop(followed->watch);
    map_remove(&followed->observed->kinds, kind_key(&a, followed->kind));
    free_followed(followed);
}

/* The server no longer has the kind, so it has no objects of it. Units that expect some are told. A
 * kind that is new may be announced before it is served: before its first list it gets another try.
 */
static void on_kind_gone(struct followed *followed)
{
    struct observed *observed = followed->observed;
    arena a AUTO(arena_done) = {0};
    str *owners = NULL;
    size_t count = 0, room = 0;
    pthread_mutex_lock(&observed->lock);
    MAP_EACH (&followed->records, entry) {
        const struct owner *owner = lose(followed, entry->key);
        if (owner) *ARENA_PUSH(&a, owners, count, room) = owner->key;
    }
    MAP_EACH (&followed->waiting, entry) {
        *ARENA_PUSH(&a, owners, count, room) = str_dup(&a, entry->key);
    }
    map_clear(&followed->waiting);
    bool listed = followed->synced;
    followed->synced = true;
    if (listed && !followed->records.count) unfollow(followed);
    pthread_mutex_unlock(&observed->lock);
    wake(observed, owners, count);
}

/* Where we may not watch, units fall back to a dry run at their interval: absence means nothing. */
static void on_denied(struct followed *followed, const err *e)
{
    struct observed *observed = followed->observed;
    arena a AUTO(arena_done) = {0};
    str *owners = NULL;
    size_t count = 0, room = 0;
    pthread_mutex_lock(&observed->lock);
    bool first = !followed->denied;
    followed->denied = true;
    MAP_EACH (&followed->waiting, entry) {
        *ARENA_PUSH(&a, owners, count, room) = str_dup(&a, entry->key);
    }
    map_clear(&followed->waiting);
    pthread_mutex_unlock(&observed->lock);
    if (first) {
        log_error("cannot watch a kind; its drift is found at the interval only",
                  LOG_STR("watchedKind", followed->kind.kind), LOG_ERR(e));
    }
    wake(observed, owners, count);
}

static void on_trouble(void *context, const err *e)
{
    if (e->kind == ERR_NOT_FOUND) on_kind_gone(context);
    if (e->kind == ERR_DENIED) on_denied(context, e);
}

static const struct watch_events watch_events = {
    .begin = on_begin,
    .object = on_object,
    .synced = on_synced,
    .trouble = on_trouble,
};

static void start_watch(void *context)
{
    struct followed *followed = context;
    if (followed->observed->stopped) return;
    followed->watch = watch_start(
        followed->observed->options.kube,
        (struct watch_options){
            .kind = followed->kind,
            .resource = followed->resource,
            .label_selector = STR(PREPARE_OWNER_NAME),
            .metadata_only = !health_needs_body(followed->kind.group, followed->kind.kind),
        },
        &watch_events, followed);
}

/* ---- questions and answers ---- */

static str keep(char **at, str text)
{
    char *copy = *at;
    if (text.len) memcpy(copy, text.data, text.len);
    *at += text.len;
    return (str){copy, text.len};
}

static struct followed *add_kind(struct observed *observed, arena *a, struct kube_kind kind,
                                 const struct kube_resource *resource)
{
    struct followed *followed = lang_zalloc(sizeof *followed);
    char *at = followed->texts =
        lang_alloc(kind.group.len + kind.version.len + kind.kind.len + resource->plural.len + 1);
    followed->observed = observed;
    followed->kind.group = keep(&at, kind.group);
    followed->kind.version = keep(&at, kind.version);
    followed->kind.kind = keep(&at, kind.kind);
    followed->resource = *resource;
    followed->resource.plural = keep(&at, resource->plural);
    map_put(&observed->kinds, kind_key(a, kind), followed);
    return followed;
}

/* True when the kind's records can be relied on now. */
static bool follow_kind(struct observed *observed, arena *a, str owner, struct kube_kind kind)
{
    pthread_mutex_lock(&observed->lock);
    struct followed *followed = find_kind(observed, a, kind);
    bool ready = followed && (followed->synced || followed->denied);
    if (followed && !ready) map_put(&followed->waiting, owner, followed);
    pthread_mutex_unlock(&observed->lock);
    if (followed) return ready;

    struct kube_resource resource;
    err *e AUTO(err_done) = kube_resource_of(observed->options.kube, a, kind, &resource);
    /* A kind that does not exist yet has no objects; one that cannot be watched is not relied on.
     */
    if (e || !resource.can_watch || !resource.can_list) return true;

    pthread_mutex_lock(&observed->lock);
    followed = find_kind(observed, a, kind);
    bool added = !followed;
    if (added) followed = add_kind(observed, a, kind, &resource);
    map_put(&followed->waiting, owner, followed);
    pthread_mutex_unlock(&observed->lock);
    if (added) loop_post(kube_loop(observed->options.kube), start_watch, followed);
    return false;
}

bool observed_follow(struct observed *observed, str owner, const struct kube_ref *refs,
                     size_t count)
{
    bool ready = true;
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < count; i++) {
        bool repeated = false;
        for (size_t k = i; k-- > 0 && !repeated && i - k < 64;) {
            repeated = str_eq(refs[k].kind.kind, refs[i].kind.kind) &&
                       str_eq(refs[k].kind.group, refs[i].kind.group);
        }
        if (!repeated) ready &= follow_kind(observed, &a, owner, refs[i].kind);
    }
    return ready;
}

void observed_attend(struct observed *observed, struct kube_kind kind)
{
    arena a AUTO(arena_done) = {0};
    pthread_mutex_lock(&observed->lock);
    struct followed *followed = find_kind(observed, &a, kind);
    if (followed) followed->attended = true;
    pthread_mutex_unlock(&observed->lock);
}

void observed_get(struct observed *observed, arena *a, struct kube_ref ref,
                  struct observed_record *out)
{
    *out = (struct observed_record){.health = HEALTH_UNKNOWN};
    pthread_mutex_lock(&observed->lock);
    struct followed *followed = find_kind(observed, a, ref.kind);
    struct record *record =
        followed ? map_get(&followed->records, object_key(a, ref.namespace, ref.name)) : NULL;
    out->watched = followed && followed->synced && !followed->denied;
    if (out->watched) out->health = HEALTH_NOT_FOUND;
    if (record) {
        out->exists = record->exists;
        out->seen = record->seen;
        out->expected = record->expected;
        out->desired = record->desired;
        out->owner = record->owner ? str_dup(a, record->owner->key) : (str){0};
        out->health = record->health;
        out->health_message = str_dup(a, str_of(record->message));
    }
    pthread_mutex_unlock(&observed->lock);
}

void observed_expect(struct observed *observed, struct kube_ref ref, const node *applied,
                     uint64_t desired)
{
    arena a AUTO(arena_done) = {0};
    struct sight sight = look(&a, applied);
    struct owner *before = NULL;
    pthread_mutex_lock(&observed->lock);
    struct followed *followed = find_kind(observed, &a, ref.kind);
    if (followed) {
        struct record *record = record_at(followed, object_key(&a, ref.namespace, ref.name));
        struct owner *owner = owner_of(observed, &a, applied);
        /* The watch may be ahead of the answer: then it has seen somebody else's change already,
         * and maybe the end of the object. */
        if (!record->exists && sight.version <= followed->told) {
            before = owner;
        } else if (sight.version >= record->version || !record->exists) {
            if (record->owner != owner) before = record->owner;
            take_sight(record, &sight, owner);
        }
        if (!record->owner) record->owner = owner;
        record->mark = followed->mark;
        record->expected = sight.seen;
        record->desired = desired;
    }
    pthread_mutex_unlock(&observed->lock);
    tell(observed, before); /* the watch will find nothing new any more */
}

void observed_accept(struct observed *observed, struct kube_ref ref, uint64_t desired)
{
    arena a AUTO(arena_done) = {0};
    pthread_mutex_lock(&observed->lock);
    struct followed *followed = find_kind(observed, &a, ref.kind);
    struct record *record =
        followed ? map_get(&followed->records, object_key(&a, ref.namespace, ref.name)) : NULL;
    if (record && record->exists) {
        record->expected = record->seen;
        record->desired = desired;
    }
    pthread_mutex_unlock(&observed->lock);
}

void observed_forget(struct observed *observed, struct kube_ref ref, str owner)
{
    arena a AUTO(arena_done) = {0};
    pthread_mutex_lock(&observed->lock);
    struct followed *followed = find_kind(observed, &a, ref.kind);
    str key = object_key(&a, ref.namespace, ref.name);
    struct record *record = followed ? map_get(&followed->records, key) : NULL;
    if (record && (!record->owner || str_eq(record->owner->key, owner)))
        free_record(map_remove(&followed->records, key));
    pthread_mutex_unlock(&observed->lock);
}

str observed_digest(struct observed *observed, arena *a, const struct inventory *inventory)
{
    struct hash_state *state AUTO(hash_state_done) = hash_new("sha256");
    for (size_t i = 0; i < inventory->count; i++) {
        struct observed_record record;
        observed_get(observed, a, inventory->refs[i], &record);
        if (!record.watched || !record.exists) return (str){0};
        str id = inventory_id(a, inventory->refs[i]);
        str line =
            str_printf(a, STR_FMT " %016llx\n", STR_ARG(id), (unsigned long long)record.seen);
        hash_add(state, line);
    }
    str digest = hash_hex(a, state);
    return str_printf(a, "sha256:" STR_FMT, STR_ARG(digest));
}
