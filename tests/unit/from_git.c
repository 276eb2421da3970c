/* from_git: references to artifacts, against a real Git host and its faults. */
#include "source/from_git.h"

#include <sys/stat.h>

#include "base/hash.h"
#include "harness/git_server.h"

static struct artifacts *store;
static struct from_git *git;

static arena *a = &git_server.arena;

static str under(const char *name)
{
    return fs_join(a, git_server.root, str_of(name));
}

static void open_all(void)
{
    git_ok(artifact_open((struct artifacts_options){.folder = under("data"),
                                                    .address = STR("src.local"),
                                                    .retention_ttl_ns = 60 * CLOCK_SECOND,
                                                    .retention_records = 2},
                         &store));
    git_ok(from_git_new((struct from_git_options){.loop = git_server.loop,
                                                  .store = store,
                                                  .folder = under("data/mirror")},
                        &git));
}

static int setup(void **state)
{
    git_setup(state);
    open_all();
    return 0;
}

static int teardown(void **state)
{
    from_git_free(git);
    artifact_close(store);
    return git_teardown(state);
}

static struct artifact_owner owner(void)
{
    return (struct artifact_owner){STR("GitRepository"), STR("apps"), STR("fleet")};
}

static struct from_git_spec spec_of(str url)
{
    struct from_git_spec spec = {.remote = {.url = url}, .timeout_ns = 20 * CLOCK_SECOND};
    git_ok(remote_check(a, &spec.remote));
    spec.ref.branch = STR("main");
    return spec;
}

static err *resolve(arena *own, const struct from_git_spec *spec, struct from_git_target *out)
{
    return from_git_resolve_wait(git, own, spec, out);
}

static err *try_all(const struct from_git_spec *spec, struct from_git_result *out)
{
    struct from_git_target target;
    TRY(resolve(a, spec, &target));
    return from_git_build(git, a, spec, &target, owner(), out);
}

static struct from_git_result built(const struct from_git_spec *spec)
{
    struct from_git_result result = {0};
    git_ok(try_all(spec, &result));
    return result;
}

static void fails(const struct from_git_spec *spec, const char *reason, const char *format, ...)
{
    struct from_git_result result;
    va_list args;
    va_start(args, format);
    str message = str_vprintf(a, format, args);
    va_end(args);
    err *e AUTO(err_done) = try_all(spec, &result);
    if (!e) fail_msg("must fail: " STR_FMT, STR_ARG(message));
    assert_string_equal(e->message, str_z(a, message));
    assert_string_equal(e->reason, reason);
}

/* All files and folders of an artifact, as "path=content;". */
static str files_of(struct artifact artifact)
{
    struct artifact_tree *tree AUTO(artifact_tree_done) = NULL;
    git_ok(artifact_tree(store, &artifact, NULL, &tree));
    return git_sh("cd '" STR_FMT "'; find . -mindepth 1 | LC_ALL=C sort | while read -r f; do"
                  " if [ -f \"$f\" ]; then x=; [ -x \"$f\" ] && x=*; echo \"$f$x=$(cat \"$f\");\";"
                  " else echo \"$f;\"; fi; done | tr -d '\\n'",
                  STR_ARG(artifact_tree_folder(tree)));
}

static void test_branch(void **state UNUSED)
{
    git_new("one");
    struct from_git_spec spec = spec_of(git_url("plain", "one"));
    str head = git_sh("git -C one.git rev-parse main");
    struct from_git_result result = built(&spec);
    str revision = str_concat(a, STR("main@sha1:"), head);
    assert_true(str_eq(result.artifact.revision, revision));
    assert_true(str_eq(result.sha, head));
    assert_true(str_is(result.message, "first\n\nbody\n"));
    assert_true(str_is(result.author, "A U Thor <a@example.org>"));
    assert_true(
        str_eq(result.artifact.path,
               str_printf(a, "gitrepository/apps/fleet/" STR_FMT ".tar.gz", STR_ARG(head))));
    assert_true(
        str_eq(result.artifact.url, str_concat(a, STR("http://src.local/"), result.artifact.path)));
    /* The link is gone, *.md is ignored, with a .sourceignore the other defaults are not. */
    const char *files =
        "./.sourceignore=*.md;./apps;./apps/a;./apps/a/a.yaml=a: 1;./docs;./run*=#!/bin/sh;";
    assert_string_equal(str_z(a, files_of(result.artifact)), files);

    str bytes, path = fs_join(a, under("data"), result.artifact.path);
    git_ok(fs_read(a, path, 1 << 20, &bytes));
    assert_int_equal(bytes.len, result.artifact.size_bytes);
    assert_true(
        str_eq(result.artifact.digest, str_concat(a, STR("sha256:"), hash_sha256_hex(a, bytes))));
    assert_string_equal(
        str_z(a, git_sh("tar tzvf '" STR_FMT "' | awk '{print $1,$2,$3,$4,$6}'", STR_ARG(path))),
        "drwxr-x--- 0/0 0 1970-01-01 ./\n"
        "-rw------- 0/0 5 1970-01-01 .sourceignore\n"
        "drwxr-x--- 0/0 0 1970-01-01 apps/\n"
        "drwxr-x--- 0/0 0 1970-01-01 apps/a/\n"
        "-rw------- 0/0 5 1970-01-01 apps/a/a.yaml\n"
        "drwxr-x--- 0/0 0 1970-01-01 docs/\n"
        "-rwx------ 0/0 10 1970-01-01 run");
    /* Nothing changed: one request, no fetch. Older ways to write the revision are the same. */
    struct from_git_target target;
    spec.have_revision = revision;
    git_log();
    git_ok(resolve(a, &spec, &target));
    assert_true(target.unchanged);
    assert_int_equal(git_log_count(), 1);
    spec.have_revision = str_concat(a, STR("main/"), head);
    git_ok(resolve(a, &spec, &target));
    assert_true(target.unchanged);
    spec.have_revision = str_concat(a, STR("HEAD/"), head);
    git_ok(resolve(a, &spec, &target));
    assert_false(target.unchanged);
}

static void test_new_commits(void **state UNUSED)
{
    git_new("one");
    struct from_git_spec spec = spec_of(git_url("plain", "one"));
    built(&spec);
    for (int i = 0; i < 3; i++) {
        str head = git_push(str_z(a, str_printf(a, "n: %d", i)));
        struct from_git_result result = built(&spec);
        assert_true(str_eq(result.sha, head));
        str content = str_printf(a, "a.yaml=n: %d;", i);
        assert_true(str_find(files_of(result.artifact), content) > 0);
        git_sh("cd work; git reset -q --hard HEAD~; git commit -q --amend -m 'again %d'",
               i); /* forced */
    }
}

static void test_tags(void **state UNUSED)
{
    git_new("one");
    str head = git_sh(
        "cd work; git tag v1; git tag -am note v2; git push -q origin --tags; git rev-parse HEAD");
    struct from_git_spec spec = spec_of(git_url("plain", "one"));
    spec.ref.tag = STR("v2");
    struct from_git_result result = built(&spec);
    assert_true(str_eq(result.artifact.revision, str_concat(a, STR("v2@sha1:"), head)));
    assert_true(str_is(result.message, "first\n\nbody\n"));
    /* The tag moves. */
    str moved = git_push("m: 1");
    git_sh("cd work; git tag -f v2; git push -qf origin v2");
    spec.have_revision = result.artifact.revision;
    assert_true(str_eq(built(&spec).artifact.revision, str_concat(a, STR("v2@sha1:"), moved)));

    spec.ref.tag = STR("gone");
    fails(&spec, "GitOperationFailed",
          "failed to checkout and determine revision: unable to clone '" STR_FMT
          "': couldn't find remote ref \"refs/tags/gone\"",
          STR_ARG(spec.remote.url));
}

static void test_names(void **state UNUSED)
{
    git_new("one");
    str head = git_sh("cd work; git tag -am note v1; git push -q origin v1 HEAD:refs/pull/7/head; "
                      "git rev-parse HEAD");
    static const char *const names[] = {"refs/heads/main", "refs/pull/7/head", "refs/tags/v1",
                                        "refs/tags/v1^{}"};
    struct from_git_spec spec = spec_of(git_url("plain", "one"));
    for (size_t i = 0; i < COUNT(names); i++) {
        spec.ref.name = str_of(names[i]);
        str revision = str_printf(a, "%s@sha1:" STR_FMT, names[i], STR_ARG(head));
        assert_true(str_eq(built(&spec).artifact.revision, revision));
    }
    spec.ref.name = STR("refs/pull/8/head");
    fails(&spec, "GitOperationFailed",
          "failed to checkout and determine revision: unable to resolve ref 'refs/pull/8/head' to "
          "a specific commit");
    spec.ref.name = STR("/refs/x");
    fails(&spec, "GitOperationFailed",
          "failed to checkout and determine revision: ref /refs/x is invalid; Git refs cannot "
          "begin or end with a slash '/'");
    spec.ref.name = STR("refs/heads/--upload-pack=x\n");
    fails(&spec, "GitOperationFailed",
          "failed to checkout and determine revision: ref 'refs/heads/--upload-pack=x\n' is not a "
          "valid name");
}

static void test_commits(void **state UNUSED)
{
    git_new("one");
    str first = git_sh("git -C work rev-parse HEAD");
    git_push("2");
    git_push("3");
    static const char *const hosts[] = {"plain", "old"};
    for (size_t i = 0; i < COUNT(hosts); i++) {
        struct from_git_spec spec = spec_of(git_url(hosts[i], "one"));
        spec.ref.commit = first;
        struct from_git_result result = built(&spec);
        assert_true(str_eq(result.artifact.revision, str_concat(a, STR("main@sha1:"), first)));
        assert_true(str_find(files_of(result.artifact), STR("a.yaml=a: 1;")) > 0);
        spec.ref.branch = (str){0};
        assert_true(str_eq(built(&spec).artifact.revision, str_concat(a, STR("sha1:"), first)));
        /* It does not move: nobody is asked. */
        struct from_git_target target;
        spec.have_revision = str_concat(a, STR("sha1:"), first);
        git_log();
        git_ok(resolve(a, &spec, &target));
        assert_true(target.unchanged);
        assert_int_equal(git_log_count(), 0);
        spec.ref.commit = STR("1234567890123456789012345678901234567890");
        fails(&spec, "GitOperationFailed",
              "failed to checkout and determine revision: unable to resolve commit object for "
              "'1234567890123456789012345678901234567890': object not found");
        spec.ref.commit = STR("main");
        fails(&spec, "GitOperationFailed",
              "failed to checkout and determine revision: unable to resolve commit object for "
              "'main': object not found");
    }
}

static void test_semver(void **state UNUSED)
{
    git_new("one");
    git_sh("cd work; for t in 1.0.0 v1.2.0 1.10.0 2.0.0-rc.1 latest v3 1.9; do"
           " git commit -q --allow-empty -m $t; git tag $t; done; git push -q origin --tags");
    struct from_git_spec spec = spec_of(git_url("plain", "one"));
    static const char *const rows[][2] = {
        {"*", "1.10.0"}, {"1.x", "1.10.0"}, {"~1.2", "v1.2.0"}, {">=2.0.0-0", "2.0.0-rc.1"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        spec.ref.semver = str_of(rows[i][0]);
        struct from_git_result result = built(&spec);
        assert_true(str_eq(result.artifact.revision,
                           str_printf(a, "%s@sha1:" STR_FMT, rows[i][1], STR_ARG(result.sha))));
        assert_true(str_is(str_trim(result.message), rows[i][1]));
    }
    spec.have_revision = built(&spec).artifact.revision;
    struct from_git_target target;
    git_log();
    git_ok(resolve(a, &spec, &target));
    assert_true(target.unchanged);
    assert_int_equal(git_log_count(), 1);

    /* Tags that differ only by metadata: the newest commit wins, not the name. */
    git_sh("cd work; for t in 5.0.0+b:1700000300 5.0.0+c:1700000100 5.0.0+a:1700000200; do"
           " GIT_COMMITTER_DATE=\"${t#*:} +0000\" git commit -q --allow-empty -m x; git tag "
           "${t%%:*}; done;"
           " git push -q origin --tags");
    spec.ref.semver = STR("5.x");
    assert_true(str_starts(built(&spec).artifact.revision, STR("5.0.0+b@sha1:")));

    spec.ref.semver = STR("9.x");
    fails(&spec, "GitOperationFailed",
          "failed to checkout and determine revision: no match found for semver: 9.x");
    spec.ref.semver = STR("abc");
    fails(&spec, "GitOperationFailed",
          "failed to checkout and determine revision: semver parse error: improper constraint: "
          "\"abc\"");
    spec.ref.tag = STR("1.0.0"); /* compat: wins over semver */
    assert_true(str_starts(built(&spec).artifact.revision, STR("1.0.0@sha1:")));
}

static void test_host_errors(void **state UNUSED)
{
    git_new("one");
    git_sh("git init -q --bare -b main empty.git");
    struct from_git_spec spec = spec_of(git_url("plain", "missing"));
    fails(&spec, "GitOperationFailed",
          "failed to checkout and determine revision: unable to clone '" STR_FMT
          "': repository not found",
          STR_ARG(spec.remote.url));
    spec = spec_of(git_url("plain", "empty"));
    fails(&spec, "EmptyGitRepository", "git repository is empty");
    spec.ref.semver = STR("*");
    fails(&spec, "EmptyGitRepository", "git repository is empty");

    spec = spec_of(git_url("plain", "one"));
    spec.ref.branch = STR("gone");
    fails(&spec, "GitOperationFailed",
          "failed to checkout and determine revision: unable to clone '" STR_FMT
          "': couldn't find remote ref \"refs/heads/gone\"",
          STR_ARG(spec.remote.url));
    spec.ref.branch = (str){0};
    fails(&spec, "GitOperationFailed",
          "failed to checkout and determine revision: unable to clone '" STR_FMT
          "': couldn't find remote ref \"refs/heads/master\"",
          STR_ARG(spec.remote.url));

    spec = spec_of(git_url("auth", "one"));
    spec.remote.user = STR("u");
    spec.remote.password = STR("wr0ng");
    fails(&spec, "GitOperationFailed",
          "failed to checkout and determine revision: unable to clone '" STR_FMT
          "': authentication required: wrong name  or password",
          STR_ARG(spec.remote.url));
    spec.have_revision = STR("main@sha1:x");
    fails(&spec, "GitOperationFailed",
          "failed to checkout and determine revision: unable to list remote for '" STR_FMT
          "': authentication required: wrong name  or password",
          STR_ARG(spec.remote.url));
    spec.remote.password = STR("s3cret");
    built(&spec);
    spec = spec_of(git_url("away", "one"));
    built(&spec);

    spec = spec_of(git_url("plain", "one"));
    spec.remote.ca_pem = STR("no certificate");
    struct from_git_target target;
    err *e AUTO(err_done) = resolve(a, &spec, &target);
    assert_string_equal(e->reason, "AuthenticationFailed");
}

/* The listing is ours, the fetch is git's: both have to find their way. */
static void test_tls_and_proxy(void **state UNUSED)
{
    git_new("one");
    struct from_git_spec spec =
        spec_of(str_printf(a, "https://127.0.0.1:%d/auth/one.git", git_server.tls_port));
    spec.remote.user = STR("u");
    spec.remote.password = STR("s3cret");
    spec.remote.ca_pem = git_server.certificate;
    spec.remote.cert_pem = git_server.certificate;
    spec.remote.key_pem = git_server.key;
    built(&spec);
    struct from_git_target target;
    spec.remote.ca_pem = (str){0};
    err *e AUTO(err_done) = resolve(a, &spec, &target);
    assert_true(str_find(err_text(e), STR("certificate")) > 0);

    spec = spec_of(STR("http://git.invalid/auth/one.git"));
    spec.remote.user = STR("u");
    spec.remote.password = STR("s3cret");
    spec.remote.proxy = str_printf(a, "http://127.0.0.1:%d", git_server.port);
    spec.remote.proxy_user = STR("p");
    spec.remote.proxy_password = STR("pr0xy");
    built(&spec);
    spec.remote.proxy_password = STR("wr0ng");
    err *f AUTO(err_done) = resolve(a, &spec, &target);
    assert_non_null(f);
    assert_true(str_find(err_text(f), STR("wr0ng")) < 0);
}

static void test_hanging_fetch(void **state UNUSED)
{
    git_new("one");
    struct from_git_spec spec = spec_of(git_url("half", "one"));
    struct from_git_target target;
    struct from_git_result result;
    git_ok(resolve(a, &spec, &target));
    spec.timeout_ns = CLOCK_SECOND;
    int64_t before_ns = clock_now_ns();
    err *e AUTO(err_done) = from_git_build(git, a, &spec, &target, owner(), &result);
    assert_true(err_is(e, ERR_TRANSIENT));
    assert_true(str_ends(err_text(e), STR("git took too long")));
    assert_true(clock_now_ns() - before_ns < 5 * CLOCK_SECOND);
    assert_true(str_is(git_sh("ls data/temp | wc -l"), "0")); /* what was staged is gone */
}

static void test_damaged_mirror(void **state UNUSED)
{
    git_new("one");
    struct from_git_spec spec = spec_of(git_url("plain", "one"));
    built(&spec);
    git_sh("cd data/mirror; for p in */objects/pack/*.pack; do chmod u+w $p; : >$p; done");
    str head = git_push("after");
    assert_true(str_eq(built(&spec).sha, head));
    /* A lock that a killed fetch has left behind. */
    git_sh("cd data/mirror; for m in *; do touch $m/shallow.lock; done");
    head = git_push("later");
    assert_true(str_eq(built(&spec).sha, head));
    /* One that is full of old objects is made anew. */
    git_sh("cd data/mirror; for m in *; do for i in $(seq 50); do : >$m/objects/pack/pack-$i.pack; "
           "done; done");
    git_push("full");
    built(&spec);
    assert_true(str_is(git_sh("for m in data/mirror/*; do ls $m/objects/pack/*.pack | wc -l; done"
                              " | grep -cx 1"),
                       "1"));
    /* After a restart the mirror is used on: the same commit needs no fetch. */
    from_git_free(git);
    artifact_close(store);
    open_all();
    struct from_git_target target;
    struct from_git_result result;
    git_ok(resolve(a, &spec, &target));
    git_log();
    git_ok(from_git_build(git, a, &spec, &target, owner(), &result));
    assert_int_equal(git_log_count(), 0);
}

static void test_canceled(void **state UNUSED)
{
    git_new("one");
    struct from_git_spec spec = spec_of(git_url("plain", "one"));
    struct from_git_target target;
    struct from_git_result result;
    atomic_bool cancel = true;
    git_ok(resolve(a, &spec, &target));
    spec.cancel = &cancel;
    err *e AUTO(err_done) = from_git_build(git, a, &spec, &target, owner(), &result);
    assert_true(err_is(e, ERR_CANCELED));
    err *f AUTO(err_done) = resolve(a, &spec, &target);
    assert_true(err_is(f, ERR_CANCELED));
    assert_true(str_is(git_sh("ls data/temp | wc -l"), "0"));
}

static void *build_often(void *context)
{
    for (int i = 0; i < 3; i++) {
        arena own AUTO(arena_done) = {0};
        struct from_git_spec spec = *(const struct from_git_spec *)context;
        struct from_git_target target;
        struct from_git_result result;
        err *e = resolve(&own, &spec, &target);
        if (!e) e = from_git_build(git, &own, &spec, &target, owner(), &result);
        if (e && !str_is(str_of(e->reason), "Busy")) fail_msg("%s", e->message);
        if (!e) assert_true(str_eq(result.sha, target.sha));
        err_free(e);
    }
    return NULL;
}

static void test_many_at_a_time(void **state UNUSED)
{
    git_new("one");
    struct from_git_spec spec = spec_of(git_url("plain", "one"));
    pthread_t threads[6];
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_create(&threads[i], NULL, build_often, &spec);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    assert_true(str_is(git_sh("ls data/temp | wc -l"), "0"));
}

/* Trees that only an enemy makes: git add would refuse. */
static void test_hostile_trees(void **state UNUSED)
{
    static const char *const names[] = {
        ".git", ".GIT", ".git ", "git~1", ".git::$INDEX_ALLOCATION", ".g\342\200\214it", "..", "."};
    for (size_t i = 0; i < COUNT(names); i++) {
        git_new("evil");
        git_sh("cd work; b=$(echo x | git hash-object -w --stdin);"
               "t=$(printf '100644 blob %%s\t%s\n' $b | git mktree);"
               "c=$(git commit-tree -m evil $t); git push -qf ../evil.git $c:refs/heads/main",
               names[i]);
        struct from_git_spec spec = spec_of(git_url("plain", "evil"));
        struct from_git_result result;
        err *e AUTO(err_done) = try_all(&spec, &result);
        if (!e) fail_msg("'%s' was taken", names[i]);
        bool said =
            str_find(err_text(e), STR("forbidden name")) > 0 || /* ours, or git's own check */
            str_find(err_text(e), STR("hasDot")) > 0;
        if (!said) fail_msg("'%s': %s", names[i], e->message);
    }
}

static void test_odd_trees(void **state UNUSED)
{
    git_new("odd");
    git_sh("cd work; rm .sourceignore; mkdir 'a b'; echo 1 >'a b/\xc3\xa9 \"x\"'; "
           "printf '* text=auto\\n*.txt filter=lfs ident export-ignore\\n' >.gitattributes; echo 2 "
           ">ignored.png;"
           "mkdir -p .github; echo 3 >.github/x; git add -A;"
           "git update-index --add --cacheinfo 100644,$(printf 'a\\r\\nb' | git hash-object -w "
           "--stdin),crlf.txt;"
           "git update-index --add --cacheinfo 160000,1234567890123456789012345678901234567890,sub;"
           "git commit -qm odd; git push -qf origin main");
    struct from_git_spec spec = spec_of(git_url("plain", "odd"));
    assert_string_equal(str_z(a, files_of(built(&spec).artifact)),
                        "./a b;./a b/\xc3\xa9 \"x\"=1;./apps;./apps/a;./apps/a/a.yaml=a: 1;"
                        "./crlf.txt=a\rb;./docs;./docs/x.md=hi;./run*=#!/bin/sh;./sub;");
    spec.ignore = STR("/*\n!/docs\n!/crlf.txt\n");
    assert_string_equal(str_z(a, files_of(built(&spec).artifact)),
                        "./crlf.txt=a\rb;./docs;./docs/x.md=hi;");
}

static void test_sparse(void **state UNUSED)
{
    git_new("one");
    str folders[] = {STR("./apps"), STR("docs/")};
    struct from_git_spec spec = spec_of(git_url("plain", "one"));
    spec.sparse = folders;
    spec.sparse_count = 2;
    assert_string_equal(str_z(a, files_of(built(&spec).artifact)),
                        "./apps;./apps/a;./apps/a/a.yaml=a: 1;./docs;./docs/x.md=hi;");
    folders[1] = STR("none");
    fails(&spec, "GitOperationFailed",
          "failed to checkout and determine revision: failed to sparse checkout directories : "
          "sparse checkout dir "
          "'none' does not exist in repository: lstat none: no such file or directory");
}

static void test_include(void **state UNUSED)
{
    git_new("lib");
    git_sh("cd work; echo 'secret' >apps/a/drop.txt; echo drop.txt >>.sourceignore; git add -A;"
           "git commit -qm more; git push -q origin main");
    struct from_git_spec spec = spec_of(git_url("plain", "lib"));
    struct from_git_include include = {.name = STR("lib"), .artifact = built(&spec).artifact};
    git_new("one");
    spec = spec_of(git_url("plain", "one"));
    spec.includes = &include;
    spec.include_count = 1;
    include.from_path = STR("apps");
    include.to_path = STR("./vendor/lib");
    assert_true(str_find(files_of(built(&spec).artifact),
                         STR("./vendor;./vendor/lib;./vendor/lib/a;./vendor/lib/a/a.yaml=a: 1;")) >
                0);
    include.from_path = STR("../../apps/a/a.yaml"); /* stops at the root */
    include.to_path = (str){0};
    assert_true(str_find(files_of(built(&spec).artifact), STR("./lib=a: 1;")) > 0);
    include.from_path = STR("none");
    fails(
        &spec, "CopyFailure",
        "failed to copy 'lib' include from none to lib: rename 'none': No such file or directory");
    include.from_path = STR("apps");
    include.to_path = STR("apps");
    fails(&spec, "CopyFailure",
          "failed to copy 'lib' include from apps to apps: 'apps' is in the repository already");
    include.artifact.digest = hash_sha256_hex(a, STR("other"));
    fails(&spec, "CopyFailure", "failed to copy 'lib' include: file not found");
}

static void test_one_mirror_for_many(void **state UNUSED)
{
    git_new("one");
    struct from_git_spec spec = spec_of(git_url("plain", "one")), other = spec;
    git_sh(
        "rm -rf data/mirror/*; cd work; git push -q origin HEAD:refs/heads/a HEAD:refs/heads/a2");
    from_git_free(git);
    artifact_close(store);
    open_all();
    built(&spec);
    git_log();
    other.ref.branch = STR("a");
    built(&other);
    assert_int_equal(git_log_count(), 1); /* ls-refs; the commit is there already */
    assert_true(str_is(git_sh("ls data/mirror | wc -l"), "1"));
    /* A reference may become a folder of references. */
    git_sh("cd work; git push -q origin :a; git commit -q --allow-empty -m b; git push -q origin "
           "HEAD:refs/heads/a/b");
    other.ref.branch = STR("a/b");
    built(&other);
    /* Other credentials do not see it. */
    other.remote.user = STR("u");
    other.remote.password = STR("p");
    built(&other);
    assert_true(str_is(git_sh("ls data/mirror | wc -l"), "2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_branch),
        cmocka_unit_test(test_new_commits),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_commits),
        cmocka_unit_test(test_semver),
        cmocka_unit_test(test_host_errors),
        cmocka_unit_test(test_tls_and_proxy),
        cmocka_unit_test(test_hanging_fetch),
        cmocka_unit_test(test_damaged_mirror),
        cmocka_unit_test(test_canceled),
        cmocka_unit_test(test_many_at_a_time),
        cmocka_unit_test(test_hostile_trees),
        cmocka_unit_test(test_odd_trees),
        cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_include),
        cmocka_unit_test(test_one_mirror_for_many),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
