#include "sandbox/access.h"

#define RBAC "rbac.authorization.k8s.io"

static bool lists(const node *list, str word)
{
    NODE_EACH (list, item) {
        if (str_is(item->text, "*") || str_eq(item->text, word)) return true;
    }
    return false;
}

static bool lists_resource(const node *list, str resource)
{
    str base, sub;
    NODE_EACH (list, item) {
        str text = item->text;
        if (str_is(text, "*") || str_eq(text, resource)) return true;
        if (str_cut(resource, '/', &base, &sub) && str_strip_prefix(&text, STR("*/")) &&
            str_eq(text, sub))
            return true;
    }
    return false;
}

static bool lists_path(const node *list, str path)
{
    NODE_EACH (list, item) {
        str text = item->text;
        if (str_eq(text, path)) return true;
        if (str_strip_suffix(&text, STR("*")) && str_starts(path, text)) return true;
    }
    return false;
}

static bool rules_allow(const node *rules, const struct access_request *request)
{
    NODE_EACH (rules, rule) {
        if (!lists(node_get(rule, STR("verbs")), request->verb)) continue;
        if (request->path.len) {
            if (lists_path(node_get(rule, STR("nonResourceURLs")), request->path)) return true;
            continue;
        }
        const node *names = node_get(rule, STR("resourceNames"));
        if (lists(node_get(rule, STR("apiGroups")), request->group) &&
            lists_resource(node_get(rule, STR("resources")), request->resource) &&
            (!names || !names->count || lists(names, request->name)))
            return true;
    }
    return false;
}

static bool is_subject(const node *subjects, str namespace, const struct access_request *request)
{
    NODE_EACH (subjects, subject) {
        str kind = node_get_str(subject, STR("kind")), name = node_get_str(subject, STR("name"));
        if (str_is(kind, "User") && str_eq(name, request->user)) return true;
        for (size_t i = 0; str_is(kind, "Group") && i < request->group_count; i++)
            if (str_eq(name, request->groups[i])) return true;
        if (!str_is(kind, "ServiceAccount")) continue;
        str of = node_get_str(subject, STR("namespace")), rest = request->user, has, account;
        if (!of.len) of = namespace;
        if (str_strip_prefix(&rest, STR("system:serviceaccount:")) &&
            str_cut(rest, ':', &has, &account) && str_eq(has, of) && str_eq(account, name))
            return true;
    }
    return false;
}

static struct collection *stored(struct world *world, const char *plural)
{
    return served_find(world->served, STR(RBAC), STR(""), str_of(plural))->collection;
}

/* NULL for a role that is not there. */
static const node *rules_of(struct world *world, const node *ref, str namespace)
{
    bool cluster = str_is(node_get_str(ref, STR("kind")), "ClusterRole");
    const doc *role = store_get(stored(world, cluster ? "clusterroles" : "roles"),
                                cluster ? STR("") : namespace, node_get_str(ref, STR("name")));
    return role ? node_get(role->root, STR("rules")) : NULL;
}

static bool bindings_allow(struct world *world, const char *plural,
                           const struct access_request *request)
{
    bool cluster = !strcmp(plural, "clusterrolebindings");
    MAP_EACH (&stored(world, plural)->objects, entry) {
        const node *binding = ((const doc *)entry->value)->root;
        str namespace = node_find_str(binding, "metadata", "namespace", NULL);
        if (!cluster && !str_eq(namespace, request->namespace)) continue;
        if (is_subject(node_get(binding, STR("subjects")), namespace, request) &&
            rules_allow(rules_of(world, node_get(binding, STR("roleRef")), namespace), request))
            return true;
    }
    return false;
}

static const char *const paths[] = {"/api",     "/apis",  "/openapi", "/version",
                                    "/healthz", "/livez", "/readyz"};

/* What everybody may ask, as a new cluster allows it to authenticated users. */
static bool is_public(const struct access_request *request)
{
    str rest;
    for (size_t i = 0; i < COUNT(paths); i++) {
        rest = request->path;
        if (str_strip_prefix(&rest, str_of(paths[i])) && (!rest.len || rest.data[0] == '/'))
            return true;
    }
    return str_is(request->verb, "create") && str_starts(request->resource, STR("selfsubject"));
}

bool access_allows(struct world *world, const struct access_request *request)
{
    for (size_t i = 0; i < request->group_count; i++)
        if (str_is(request->groups[i], "system:masters")) return true;
    if (!str_is(request->user, "system:anonymous") && is_public(request)) return true;
    if (bindings_allow(world, "clusterrolebindings", request)) return true;
    return request->namespace.len && bindings_allow(world, "rolebindings", request);
}

/* ---- all that a user may do ---- */

static node *list_of(arena *a, const char *text)
{
    node *list = node_list(a);
    for (str rest = str_of(text), item; str_next(&rest, ' ', &item);)
        node_push(a, list, node_str(a, item));
    return list;
}

static node *resource_rule(arena *a, const char *verbs, const char *groups, const char *resources)
{
    node *rule = node_map(a);
    node_set(a, rule, STR("verbs"), list_of(a, verbs));
    node_set(a, rule, STR("apiGroups"), list_of(a, groups));
    node_set(a, rule, STR("resources"), list_of(a, resources));
    return rule;
}

static node *path_rule(arena *a, const char *verbs, node *urls)
{
    node *rule = node_map(a);
    node_set(a, rule, STR("verbs"), list_of(a, verbs));
    node_set(a, rule, STR("nonResourceURLs"), urls);
    return rule;
}

static void add_bound(struct world *world, arena *a, const char *plural,
                      const struct access_request *request, node *resource_rules, node *path_rules)
{
    bool cluster = !strcmp(plural, "clusterrolebindings");
    size_t count;
    str *keys = store_keys(a, stored(world, plural), &count);
    for (size_t i = 0; i < count; i++) {
        const node *binding =
            ((const doc *)map_get(&stored(world, plural)->objects, keys[i]))->root;
        str namespace = node_find_str(binding, "metadata", "namespace", NULL);
        if (!cluster && !str_eq(namespace, request->namespace)) continue;
        if (!is_subject(node_get(binding, STR("subjects")), namespace, request)) continue;
        NODE_EACH (rules_of(world, node_get(binding, STR("roleRef")), namespace), rule) {
            bool path = node_get(rule, STR("nonResourceURLs")) != NULL;
            if (!path || cluster) node_push(a, path ? path_rules : resource_rules, rule);
        }
    }
}

void access_rules(struct world *world, arena *a, const struct access_request *request,
                  node *resource_rules, node *path_rules)
{
    for (size_t i = 0; i < request->group_count; i++) {
        if (!str_is(request->groups[i], "system:masters")) continue;
        node_push(a, resource_rules, resource_rule(a, "*", "*", "*"));
        node_push(a, path_rules, path_rule(a, "*", list_of(a, "*")));
    }
    if (!str_is(request->user, "system:anonymous")) {
        node *urls = node_list(a);
        for (size_t i = 0; i < COUNT(paths); i++) {
            node_push(a, urls, node_str(a, str_of(paths[i])));
            node_push(a, urls, node_str(a, str_printf(a, "%s/*", paths[i])));
        }
        node_push(a, path_rules, path_rule(a, "get", urls));
        node_push(a, resource_rules,
                  resource_rule(a, "create", "authorization.k8s.io",
                                "selfsubjectaccessreviews selfsubjectrulesreviews"));
        node_push(a, resource_rules,
                  resource_rule(a, "create", "authentication.k8s.io", "selfsubjectreviews"));
    }
    add_bound(world, a, "clusterrolebindings", request, resource_rules, path_rules);
    add_bound(world, a, "rolebindings", request, resource_rules, path_rules);
}

err *access_check(const struct call *call)
{
    const struct served *served = call->served;
    arena *a = call->a;
    str resource = served->plural;
    if (call->subresource.len)
        resource =
            str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(served->plural), STR_ARG(call->subresource));
    struct access_request request = {
        .user = call->user,
        .groups = call->groups,
        .group_count = call->group_count,
        .verb = str_of(world_verb_name(call->verb)),
        .group = served->group,
        .resource = resource,
        .namespace = call->namespace,
        .name = call->name,
    };
    if (access_allows(call->world, &request)) return NULL;
    str scope = call->namespace.len
                    ? str_printf(a, "in the namespace \"" STR_FMT "\"", STR_ARG(call->namespace))
                    : STR("at the cluster scope");
    str named = call->name.len ? str_printf(a, " \"" STR_FMT "\"", STR_ARG(call->name)) : STR("");
    return world_forbidden(
        STR_FMT STR_FMT " is forbidden: User \"" STR_FMT "\" cannot " STR_FMT " resource \"" STR_FMT
                        "\" in API group \"" STR_FMT "\" " STR_FMT,
        STR_ARG(world_resource(a, served)), STR_ARG(named), STR_ARG(call->user),
        STR_ARG(request.verb), STR_ARG(resource), STR_ARG(served->group), STR_ARG(scope));
}
