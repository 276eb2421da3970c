#include "kube/kubeconfig.h"

#include <stdlib.h>

#include "base/b64.h"
#include "base/fs.h"
#include "base/limits.h"
#include "doc/yaml.h"
#include "net/url.h"

#define ACCOUNT_FOLDER "/var/run/secrets/kubernetes.io/serviceaccount"

/* Several files read as one: of entries with the same name the first one counts, as in kubectl. */
struct file {
    const node *root;
    str folder; /* what relative names in it refer to */
};
struct files {
    struct file *items;
    size_t count, room;
};

/* A cluster, user or context, with what an error calls it. */
struct entry {
    const char *kind;
    str name, folder;
    const node *fields;
};

static err *resolve(arena *a, const struct files *files, struct kubeconfig_options options,
                    struct kubeconfig *out);
static err *read_cluster(arena *a, const struct entry *cluster, struct kubeconfig_options options,
                         struct kubeconfig *out);
static err *read_user(arena *a, const struct entry *user, struct kubeconfig_options options,
                      struct kubeconfig *out);
static err *read_root(arena *a, str text, str folder, struct files *files);

err *kubeconfig_parse(arena *a, str text, struct kubeconfig_options options, struct kubeconfig *out)
{
    struct files files = {0};
    TRY(read_root(a, text, options.folder, &files));
    return resolve(a, &files, options, out);
}

err *kubeconfig_load(arena *a, str path, str context, struct kubeconfig *out)
{
    struct files files = {0};
    str rest = path, one, text;
    while (str_next(&rest, ':', &one)) {
        if (!one.len) continue;
        err *e = fs_read(a, one, LIMIT_KUBECONFIG_BYTES, &text);
        if (err_is(e, ERR_NOT_FOUND)) {
            err_free(e);
            continue;
        }
        if (!e) e = read_root(a, text, fs_dir(one), &files);
        if (e) return err_wrap(e, "kubeconfig '" STR_FMT "'", STR_ARG(one));
    }
    if (!files.count)
        return err_not_found("kubeconfig '" STR_FMT "' does not exist", STR_ARG(path));

    struct kubeconfig_options options = {
        .context = context, .allow_files = true, .allow_insecure = true};
    err *e = resolve(a, &files, options, out);
    return e ? err_wrap(e, "kubeconfig '" STR_FMT "'", STR_ARG(path)) : NULL;
}

err *kubeconfig_in_cluster(arena *a, struct kubeconfig *out)
{
    str host = str_of(getenv("KUBERNETES_SERVICE_HOST")), ns;
    str port = str_of(getenv("KUBERNETES_SERVICE_PORT"));
    if (!host.len || !port.len)
        return err_not_found("this is not a pod: KUBERNETES_SERVICE_HOST and _PORT are not set");

    bool ipv6 = str_has_char(host, ':');
    struct kubeconfig config = {
        .server = str_printf(a, "https://%s" STR_FMT "%s:" STR_FMT, ipv6 ? "[" : "", STR_ARG(host),
                             ipv6 ? "]" : "", STR_ARG(port)),
        .token_file = STR(ACCOUNT_FOLDER "/token"),
        .namespace = STR("default"),
    };
    TRY(fs_read(a, STR(ACCOUNT_FOLDER "/ca.crt"), LIMIT_KUBECONFIG_BYTES, &config.ca_pem));
    TRY(fs_read(a, config.token_file, LIMIT_KUBECONFIG_BYTES, &config.token));
    config.token = str_trim(config.token);
    err *e = fs_read(a, STR(ACCOUNT_FOLDER "/namespace"), LIMIT_KUBECONFIG_BYTES, &ns);
    if (!e && str_trim(ns).len) config.namespace = str_trim(ns);
    err_free(e); /* the pod works without it */
    *out = config;
    return NULL;
}

err *kubeconfig_default(arena *a, str path, str context, struct kubeconfig *out)
{
    if (!path.len) path = str_of(getenv("KUBECONFIG"));
    if (path.len) return kubeconfig_load(a, path, context, out);
    if (str_of(getenv("KUBERNETES_SERVICE_HOST")).len) return kubeconfig_in_cluster(a, out);

    str home = str_of(getenv("HOME"));
    if (!home.len)
        return err_not_found("no cluster is configured: use --kubeconfig or set KUBECONFIG");
    return kubeconfig_load(a, fs_join(a, home, STR(".kube/config")), context, out);
}

static err *read_root(arena *a, str text, str folder, struct files *files)
{
    if (text.len > LIMIT_KUBECONFIG_BYTES)
        return err_invalid("the text is larger than %d bytes (LIMIT_KUBECONFIG_BYTES)",
                           LIMIT_KUBECONFIG_BYTES);
    node *root;
    TRY(yaml_parse(a, text, (struct yaml_options){.last_wins = true}, &root));
    if (!node_is_map(root)) return err_invalid("this is not a kubeconfig: it holds no clusters");
    *ARENA_PUSH(a, files->items, files->count, files->room) = (struct file){root, folder};
    return NULL;
}

/* list[name].item of the first file that has it. The kind is also the key of the item. */
static err *find(const struct files *files, const char *list, const char *kind, str name,
                 struct entry *out)
{
    for (size_t i = 0; i < files->count; i++) {
        NODE_EACH (node_get(files->items[i].root, str_of(list)), item) {
            if (!str_eq(node_get_str(item, STR("name")), name)) continue;
            const node *fields = node_get(item, str_of(kind));
            if (!node_is_map(fields))
                return err_invalid("%s '" STR_FMT "' has no '%s'", kind, STR_ARG(name), kind);
            *out = (struct entry){kind, name, files->items[i].folder, fields};
            return NULL;
        }
    }
    return err_invalid("there is no %s '" STR_FMT "'", kind, STR_ARG(name));
}

static err *text_of(const struct entry *entry, const char *field, str *out)
{
    const node *value = node_get(entry->fields, str_of(field));
    *out = (str){0};
    if (node_is_null(value) || node_to_str(value, out)) return NULL;
    return err_invalid("%s '" STR_FMT "': '%s' is not a string", entry->kind, STR_ARG(entry->name),
                       field);
}

static err *resolve(arena *a, const struct files *files, struct kubeconfig_options options,
                    struct kubeconfig *out)
{
    str name = options.context, cluster_name, user_name;
    for (size_t i = 0; i < files->count && !name.len; i++)
        name = node_get_str(files->items[i].root, STR("current-context"));
    if (!name.len) return err_invalid("no current-context is set and no context was asked for");

    struct kubeconfig config = {0};
    struct entry context, cluster, user;
    TRY(find(files, "contexts", "context", name, &context));
    TRY(text_of(&context, "namespace", &config.namespace));
    TRY(text_of(&context, "cluster", &cluster_name));
    TRY(text_of(&context, "user", &user_name));
    if (!config.namespace.len) config.namespace = STR("default");

    TRY(find(files, "clusters", "cluster", cluster_name, &cluster));
    TRY(read_cluster(a, &cluster, options, &config));
    if (user_name.len) {
        TRY(find(files, "users", "user", user_name, &user));
        TRY(read_user(a, &user, options, &config));
    }
    *out = config;
    return NULL;
}

/* ---- Fields ---- */

/* A field that a program would have to be started or a file to be read for. */
static err *refuse(const struct entry *entry, const char *field, const char *instead)
{
    return err_denied("%s '" STR_FMT "': '%s' is not allowed here: %s", entry->kind,
                      STR_ARG(entry->name), field, instead);
}

static err *read_file(arena *a, const struct entry *entry, const char *field, str path, str *out)
{
    bool relative = !str_starts(path, STR("/")) && entry->folder.len;
    err *e =
        fs_read(a, relative ? fs_join(a, entry->folder, path) : path, LIMIT_KUBECONFIG_BYTES, out);
    if (!e) return NULL;
    return err_wrap(e, "%s '" STR_FMT "': '%s'", entry->kind, STR_ARG(entry->name), field);
}

/* `field` as a file name, or `field`-data as base64; the latter wins, as in kubectl. */
static err *pem_of(arena *a, const struct entry *entry, const char *field,
                   struct kubeconfig_options options, str *out)
{
    const char *data_field = str_z(a, str_printf(a, "%s-data", field));
    str path, data;
    TRY(text_of(entry, field, &path));
    TRY(text_of(entry, data_field, &data));
    *out = (str){0};
    if (path.len && !options.allow_files) {
        str instead = str_printf(a, "put the content of the file into '%s'", data_field);
        return refuse(entry, field, str_z(a, instead));
    }
    if (data.len) {
        err *e = b64_decode(a, data, out);
        if (!e) return NULL;
        return err_wrap(e, "%s '" STR_FMT "': '%s'", entry->kind, STR_ARG(entry->name), data_field);
    }
    return path.len ? read_file(a, entry, field, path, out) : NULL;
}

/* A server may be behind a path, but what else a URL can hold has no meaning here. */
static err *check_server(const struct entry *cluster, str server)
{
    struct url url;
    err *e = url_parse(server, &url);
    bool usable = !e && url.host.len && !url.user.len && !url.password.len && !url.query.len &&
                  !url.fragment.len && (str_is(url.scheme, "https") || str_is(url.scheme, "http"));
    err_free(e);
    if (usable) return NULL;
    return err_invalid("cluster '" STR_FMT "': 'server' is not a URL of the form https://host:port",
                       STR_ARG(cluster->name));
}

static err *read_cluster(arena *a, const struct entry *cluster, struct kubeconfig_options options,
                         struct kubeconfig *out)
{
    TRY(text_of(cluster, "server", &out->server));
    TRY(text_of(cluster, "tls-server-name", &out->server_name));
    TRY(text_of(cluster, "proxy-url", &out->proxy));
    TRY(pem_of(a, cluster, "certificate-authority", options, &out->ca_pem));
    TRY(check_server(cluster, out->server));
    while (str_strip_suffix(&out->server, STR("/")))
        ;
    const node *insecure = node_get(cluster->fields, STR("insecure-skip-tls-verify"));
    if (!node_is_null(insecure) && !node_to_bool(insecure, &out->insecure))
        return err_invalid("cluster '" STR_FMT "': 'insecure-skip-tls-verify' is not a boolean",
                           STR_ARG(cluster->name));
    if (out->insecure && !options.allow_insecure)
        return refuse(cluster, "insecure-skip-tls-verify", "use 'certificate-authority-data'");
    return NULL;
}

/* A token goes into a header line as it is. */
static err *check_token(const struct entry *user, str token)
{
    for (size_t i = 0; i < token.len; i++)
        if ((unsigned char)token.data[i] <= ' ' || token.data[i] == 0x7f)
            return err_invalid("user '" STR_FMT
                               "': the token holds white space or control characters",
                               STR_ARG(user->name));
    return NULL;
}

static err *read_token(arena *a, const struct entry *user, struct kubeconfig_options options,
                       struct kubeconfig *out)
{
    str path;
    TRY(text_of(user, "token", &out->token));
    TRY(text_of(user, "tokenFile", &path));
    if (path.len) {
        if (!options.allow_files) return refuse(user, "tokenFile", "put the token into 'token'");
        TRY(read_file(a, user, "tokenFile", path, &out->token));
        bool relative = !str_starts(path, STR("/")) && user->folder.len;
        out->token_file = relative ? fs_join(a, user->folder, path) : path;
    }
    out->token = str_trim(out->token);
    return check_token(user, out->token);
}

static err *read_user(arena *a, const struct entry *user, struct kubeconfig_options options,
                      struct kubeconfig *out)
{
    static const char *const programs[] = {"exec", "auth-provider"};
    static const char *const more_rights[] = {"as-uid", "as-groups", "as-user-extra"};
    for (size_t i = 0; i < COUNT(programs); i++)
        if (!node_is_null(node_get(user->fields, str_of(programs[i]))))
            return refuse(user, programs[i],
                          "no program is started; use 'token' or "
                          "'client-certificate-data' and 'client-key-data'");
    for (size_t i = 0; i < COUNT(more_rights); i++)
        if (!node_is_null(node_get(user->fields, str_of(more_rights[i]))))
            return refuse(user, more_rights[i], "only 'as' is supported");

    TRY(read_token(a, user, options, out));
    TRY(text_of(user, "username", &out->user));
    TRY(text_of(user, "password", &out->password));
    TRY(text_of(user, "as", &out->impersonate));
    TRY(pem_of(a, user, "client-certificate", options, &out->cert_pem));
    TRY(pem_of(a, user, "client-key", options, &out->key_pem));
    if (!out->cert_pem.len != !out->key_pem.len)
        return err_invalid("user '" STR_FMT
                           "': a client certificate needs both 'client-certificate-data' "
                           "and 'client-key-data'",
                           STR_ARG(user->name));
    return NULL;
}
