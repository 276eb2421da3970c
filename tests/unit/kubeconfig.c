#include "kube/kubeconfig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/fs.h"

#define CLUSTER "clusters:\n- name: c\n  cluster: {server: 'https://host:6443/prefix/'"
#define USER    "}\nusers:\n- name: u\n  user: {"
#define END                                                                                        \
    "}\ncontexts:\n- name: x\n  context: {cluster: c, user: u, namespace: ns}\n"                   \
    "- name: bare\n  context: {cluster: c}\ncurrent-context: x\n"

static err *parse(arena *a, const char *text, struct kubeconfig_options options,
                  struct kubeconfig *out)
{
    return kubeconfig_parse(a, str_of(text), options, out);
}

static void inline_data_is_taken(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    struct kubeconfig config;
    assert_null(parse(&a,
                      CLUSTER ", certificate-authority-data: Y2E=, tls-server-name: name, "
                              "proxy-url: 'http://p:3128'" USER
                              "client-certificate-data: Y2VydA==, client-key-data: a2V5, "
                              "token: ' tok\n ', as: 'system:me'" END,
                      (struct kubeconfig_options){0}, &config));
    assert_true(str_is(config.server, "https://host:6443/prefix"));
    assert_true(str_is(config.ca_pem, "ca"));
    assert_true(str_is(config.cert_pem, "cert"));
    assert_true(str_is(config.key_pem, "key"));
    assert_true(str_is(config.token, "tok"));
    assert_true(str_is(config.impersonate, "system:me"));
    assert_true(str_is(config.server_name, "name"));
    assert_true(str_is(config.proxy, "http://p:3128"));
    assert_true(str_is(config.namespace, "ns"));
    assert_false(config.insecure);
    assert_int_equal(config.token_file.len, 0);

    assert_null(parse(&a, CLUSTER USER "username: me, password: secret" END,
                      (struct kubeconfig_options){.context = STR("bare")}, &config));
    assert_int_equal(config.user.len, 0);
    assert_true(str_is(config.namespace, "default"));
    assert_null(parse(&a, CLUSTER USER "username: me, password: secret" END,
                      (struct kubeconfig_options){0}, &config));
    assert_true(str_is(config.user, "me") && str_is(config.password, "secret"));
    assert_null(parse(&a, CLUSTER ", insecure-skip-tls-verify: true" USER END,
                      (struct kubeconfig_options){.allow_insecure = true}, &config));
    assert_true(config.insecure);
}

/* What a tenant must not make us do. The file does not exist: nobody even looks. */
static void programs_and_files_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {CLUSTER USER "exec: {command: /bin/sh}" END,
         "user 'u': 'exec' is not allowed here: no program is started; use 'token' or "
         "'client-certificate-data' and 'client-key-data'"},
        {CLUSTER USER "token: t, auth-provider: {name: gcp}" END,
         "user 'u': 'auth-provider' is not allowed here: no program is started; use 'token' or "
         "'client-certificate-data' and 'client-key-data'"},
        {CLUSTER USER "tokenFile: /no/such" END,
         "user 'u': 'tokenFile' is not allowed here: put the token into 'token'"},
        {CLUSTER USER "client-certificate: /no/such" END,
         "user 'u': 'client-certificate' is not allowed here: put the content of the file into "
         "'client-certificate-data'"},
        {CLUSTER USER "client-key: /no/such, client-key-data: a2V5" END,
         "user 'u': 'client-key' is not allowed here: put the content of the file into "
         "'client-key-data'"},
        {CLUSTER ", certificate-authority: /no/such" USER END,
         "cluster 'c': 'certificate-authority' is not allowed here: put the content of the file "
         "into "
         "'certificate-authority-data'"},
        {CLUSTER ", insecure-skip-tls-verify: true" USER END,
         "cluster 'c': 'insecure-skip-tls-verify' is not allowed here: use "
         "'certificate-authority-data'"},
        {CLUSTER USER "as: me, as-groups: ['system:masters']" END,
         "user 'u': 'as-groups' is not allowed here: only 'as' is supported"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        arena a AUTO(arena_done) = {0};
        struct kubeconfig config;
        err *e AUTO(err_done) =
            parse(&a, rows[i].text, (struct kubeconfig_options){.allow_exec = true}, &config);
        assert_true(err_is(e, ERR_DENIED));
        assert_string_equal(e->message, rows[i].message);
    }
}

static void mistakes_are_named_and_not_quoted(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"", "this is not a kubeconfig"},
        {"[hunter2]", "this is not a kubeconfig"},
        {"current-context: x", "there is no context 'x'"},
        {"clusters: []", "no current-context"},
        {"current-context: x\ncontexts: [{name: x, context: hunter2}]",
         "context 'x' has no 'context'"},
        {"current-context: x\ncontexts: [{name: x, context: {cluster: 7}}]",
         "context 'x': 'cluster' is not a string"},
        {"current-context: x\ncontexts: [{name: x, context: {cluster: c}}]",
         "there is no cluster 'c'"},
        {"current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
         "clusters: [{name: c, cluster: {server: 'https://h'}}]",
         "there is no user 'u'"},
        {CLUSTER ", certificate-authority-data: 'hunter2!'" USER END,
         "cluster 'c': 'certificate-authority-data': "},
        {CLUSTER ", insecure-skip-tls-verify: 'hunter2'" USER END,
         "cluster 'c': 'insecure-skip-tls-verify' is not a boolean"},
        {CLUSTER USER "token: 4711" END, "user 'u': 'token' is not a string"},
        {CLUSTER USER "token: \"hun ter2\"" END, "user 'u': the token holds white space"},
        {CLUSTER USER "token: \"hunter2\\r\\nX-Evil: 1\"" END,
         "user 'u': the token holds white space"},
        {CLUSTER USER "client-key-data: aHVudGVyMg==" END,
         "user 'u': a client certificate needs both"},
        {"clusters: [{name: c, cluster: {server: 'hunter2'}}]\ncontexts: [{name: x, context: "
         "{cluster: c}}]\ncurrent-context: x",
         "cluster 'c': 'server' is not a URL"},
        {"clusters: [{name: c, cluster: {server: 'https://u:hunter2@h'}}]\ncontexts: [{name: x, "
         "context: {cluster: c}}]\ncurrent-context: x",
         "cluster 'c': 'server' is not a URL"},
        {"clusters: [{name: c, cluster: {server: 'file:///hunter2'}}]\ncontexts: [{name: x, "
         "context: {cluster: c}}]\ncurrent-context: x",
         "cluster 'c': 'server' is not a URL"},
        {"users: [hunter2", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        arena a AUTO(arena_done) = {0};
        struct kubeconfig config;
        err *e AUTO(err_done) = parse(&a, rows[i].text, (struct kubeconfig_options){0}, &config);
        assert_true(err_is(e, ERR_INVALID));
        assert_non_null(strstr(e->message, rows[i].part));
        assert_null(strstr(e->message, "hunter2"));
    }
}

/* Two files as kubectl reads them: the first one to name something wins, and a name of a file is
 * relative to the file it stands in. */
static void files_are_merged(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    str folder;
    assert_null(fs_temp_dir(&a, STR("/tmp"), STR("kubeconfig-"), &folder));
    str one = fs_join(&a, folder, STR("one")), two_folder = fs_join(&a, folder, STR("sub"));
    str two = fs_join(&a, two_folder, STR("two"));
    assert_null(fs_make_dirs(two_folder, 0700));
    assert_null(fs_write(fs_join(&a, two_folder, STR("token")), STR("from-file\n"), 0600));
    assert_null(fs_write(one,
                         STR("clusters: [{name: c, cluster: {server: 'https://first'}}]\n"
                             "contexts: [{name: x, context: {cluster: c, user: u}}]\n"
                             "current-context: x\n"),
                         0600));
    assert_null(fs_write(two,
                         STR("clusters: [{name: c, cluster: {server: 'https://second'}}]\n"
                             "users: [{name: u, user: {tokenFile: token}}]\n"
                             "contexts: [{name: y, context: {cluster: c, user: nobody}}]\n"
                             "current-context: y\n"),
                         0600));

    struct kubeconfig config;
    str missing = fs_join(&a, folder, STR("missing"));
    str list = str_printf(&a, STR_FMT "::" STR_FMT ":" STR_FMT, STR_ARG(missing), STR_ARG(one),
                          STR_ARG(two));
    assert_null(kubeconfig_load(&a, list, STR(""), &config));
    assert_true(str_is(config.server, "https://first"));
    assert_true(str_is(config.token, "from-file"));
    assert_true(str_eq(config.token_file, fs_join(&a, two_folder, STR("token"))));

    err *no_user AUTO(err_done) = kubeconfig_load(&a, list, STR("y"), &config);
    assert_non_null(strstr(no_user->message, "there is no user 'nobody'"));
    err *none AUTO(err_done) = kubeconfig_load(&a, missing, STR(""), &config);
    assert_true(err_is(none, ERR_NOT_FOUND));
    assert_null(fs_write(one, STR("a: [b"), 0600));
    err *broken AUTO(err_done) = kubeconfig_load(&a, list, STR(""), &config);
    assert_non_null(strstr(broken->message, str_z(&a, one)));
    assert_null(fs_remove_tree(folder));
}

static void the_default_is_looked_for(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    struct kubeconfig config;
    unsetenv("KUBERNETES_SERVICE_HOST");
    err *no_pod AUTO(err_done) = kubeconfig_in_cluster(&a, &config);
    assert_true(err_is(no_pod, ERR_NOT_FOUND));

    setenv("KUBECONFIG", "/nonexistent/config", 1);
    err *variable AUTO(err_done) = kubeconfig_default(&a, STR(""), STR(""), &config);
    assert_non_null(strstr(variable->message, "/nonexistent/config"));
    err *argument AUTO(err_done) =
        kubeconfig_default(&a, STR("/nonexistent/arg"), STR(""), &config);
    assert_non_null(strstr(argument->message, "/nonexistent/arg"));
    unsetenv("KUBECONFIG");
    setenv("HOME", "/nonexistent/home", 1);
    err *home AUTO(err_done) = kubeconfig_default(&a, STR(""), STR(""), &config);
    assert_non_null(strstr(home->message, "/nonexistent/home/.kube/config"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inline_data_is_taken),
        cmocka_unit_test(programs_and_files_are_refused_by_name),
        cmocka_unit_test(mistakes_are_named_and_not_quoted),
        cmocka_unit_test(files_are_merged),
        cmocka_unit_test(the_default_is_looked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
