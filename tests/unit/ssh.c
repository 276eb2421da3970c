/* ssh, sshpoll: what is taken as a URL, what becomes an argument, what is believed, what is told.
 */
#include "git/ssh.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "git/gitrun.h"
#include "git/sshpoll.h"

static struct remote remote_for(arena *a, const char *url)
{
    struct remote remote = {.url = str_of(url),
                            .identity = STR("-----BEGIN KEY-----\r\ns3cret\r\n"),
                            .known_hosts = STR("h ssh-ed25519 AAAA")};
    err *e AUTO(err_done) = remote_check(a, &remote);
    if (e) fail_msg("'%s': %s", url, e->message);
    return remote;
}

static void test_urls(void **state UNUSED)
{
    static const char *const rows[][3] = {
        /* URL, what it becomes, the user */
        {"ssh://git@h/a", "ssh://git@h/a", "git"},
        {"ssh://h/a/b.git//", "ssh://git@h/a/b.git", "git"},
        {"ssh://u:s3cret@h:2222/a", "ssh://u@h:2222/a", "u"},
        {"ssh://org-1.x_y+z@[::1]:22/~me/a", "ssh://org-1.x_y+z@[::1]:22/~me/a", "org-1.x_y+z"},
        {"ssh://git@h/a%20b", "ssh://git@h/a%20b", "git"},
    };
    static const char *const bad[] = {
        "ssh://",
        "ssh://h",
        "ssh://h/",
        "ssh://-oProxyCommand=x/a",
        "ssh://-oProxyCommand=x@h/a",
        "ssh://git@-oProxyCommand=x/a",
        "ssh://%2doProxyCommand=x/a",
        "ssh://%2doProxyCommand=x@h/a",
        "ssh://a%20b@h/a",
        "ssh://a%40b@h/a",
        "ssh://a'b@h/a",
        "ssh://a$(x)b@h/a",
        "ssh://a`x`b@h/a",
        "ssh://a%0ab@h/a",
        "ssh://a%00b@h/a",
        "ssh://git@h/a%0ab",
        "ssh://git@h/a%0d",
        "ssh://git@h/a%00b",
        "ssh://git@h/a%7fb",
        "ssh://git@h/a%zz",
        "ssh://git@h/-a",
        "ssh://git@h/%2da",
        "ssh://git@h/~-a",
        "ssh://git@h/a\nb",
        "ssh://git@h\r/a",
        "ssh://git@h/a?x",
        "ssh://git@h/a#x",
        "ssh://git@h:0/a",
        "ssh://git@h:22:22/a",
        "ssh://git@h@x/a",
        "ssh://h$(x)/a",
        "ssh://h;x/a",
        "git@h:a",
        "SSH+git://h/a",
    };
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct remote remote = remote_for(&a, rows[i][0]);
        if (!str_is(remote.url, rows[i][1])) fail_msg("'%s'", rows[i][0]);
        assert_true(str_is(remote.user, rows[i][2]));
        assert_int_equal(remote.password.len, 0);
        assert_int_equal(remote_authorization(&a, &remote).len, 0);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct remote remote = {.url = str_of(bad[i])};
        err *e AUTO(err_done) = remote_check(&a, &remote);
        if (!e) fail_msg("'%s' was taken", bad[i]);
        assert_string_equal(e->reason, "URLInvalid");
    }
}

static void test_arguments(void **state UNUSED)
{
    static const char *const rows[][2] = {
        {"ssh://git@h/a", "-F /f -p 22 -l git -- h git-upload-pack '/a'"},
        {"ssh://u@[::1]:2222/~me/a", "-F /f -p 2222 -l u -- ::1 git-upload-pack '~me/a'"},
        {"ssh://u@h/a%27;x!", "-F /f -p 22 -l u -- h git-upload-pack '/a'\\'';x'\\!''"},
        {"ssh://u@h/$(x)`y`", "-F /f -p 22 -l u -- h git-upload-pack '/$(x)`y`'"},
        {"ssh://u@h/a%20b", "-F /f -p 22 -l u -- h git-upload-pack '/a b'"},
    };
    arena a AUTO(arena_done) = {0};
    struct ssh ssh = {.config = "/f"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct remote remote = remote_for(&a, rows[i][0]);
        str words[16];
        size_t count = 0;
        for (const char *const *arg = ssh_args(&a, &ssh, &remote, "git-upload-pack"); *arg; arg++)
            words[count++] = str_of(*arg);
        assert_int_equal(count, 9);
        str all = str_join(&a, words, count, STR(" "));
        if (!str_is(all, rows[i][1])) fail_msg(STR_FMT, STR_ARG(all));
    }
}

static str content(arena *a, str config, const char *key)
{
    str path, text;
    ptrdiff_t at = str_find(config, str_of(key));
    assert_true(at >= 0);
    str rest = str_skip(config, (size_t)at + strlen(key));
    str_next_line(&rest, &path);
    err *e = fs_read(a, path, 10000, &text);
    assert_null(e);
    struct stat info;
    assert_int_equal(stat(str_z(a, path), &info), 0);
    assert_int_equal(info.st_mode & 077, 0);
    return text;
}

static void test_files(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct remote remote = remote_for(&a, "ssh://git@h/a");
    struct ssh ssh;
    str config;
    remote.passphrase = STR("pass");
    remote.kex_algorithms = STR("curve25519-sha256");
    assert_null(ssh_open(&a, &remote, &ssh));
    assert_null(fs_read(&a, str_of(ssh.config), 10000, &config));
    assert_true(str_is(content(&a, config, "\nIdentityFile "), "-----BEGIN KEY-----\ns3cret\n"));
    assert_true(str_is(content(&a, config, "UserKnownHostsFile "), "h ssh-ed25519 AAAA\n"));
    assert_true(str_find(config, STR("StrictHostKeyChecking yes\n")) >= 0);
    assert_true(str_find(config, STR("KexAlgorithms curve25519-sha256\n")) >= 0);
    assert_true(str_find(config, STR("BatchMode")) < 0);
    for (const char *const *variable = ssh.variables; *variable; variable++) {
        assert_true(str_find(str_of(*variable), STR("s3cret")) < 0);
        assert_true(str_find(str_of(*variable), STR("pass\n")) < 0);
    }
    const char *path = ssh.config;
    ssh_close(&ssh);
    assert_int_not_equal(access(path, F_OK), 0);
    remote.passphrase = (str){0};
    assert_null(ssh_open(&a, &remote, &ssh));
    assert_null(fs_read(&a, str_of(ssh.config), 10000, &config));
    assert_true(str_find(config, STR("BatchMode yes\n")) >= 0);
    ssh_close(&ssh);
}

static void test_sayings(void **state UNUSED)
{
    static const struct {
        const char *said, *text;
        enum err_kind kind;
    } rows[] = {
        {"@@@\nIT IS POSSIBLE\nHost key for h has changed and you have requested strict checking.\n"
         "Host key verification failed.\nfatal: Could not read from remote repository.\n",
         "ssh: handshake failed: knownhosts: key mismatch", ERR_DENIED},
        {"No ED25519 host key is known for h and you have requested strict checking.\n"
         "Host key verification failed.\n",
         "ssh: handshake failed: knownhosts: key is unknown", ERR_DENIED},
        {"Load key \"/proc/1/fd/2\": error in libcrypto\nu@h: Permission denied (publickey).\n",
         "ssh: the private key 'identity' of the secret cannot be read: it is not in a format that "
         "OpenSSH knows",
         ERR_DENIED},
        {"u@h: Permission denied (publickey).\n",
         "ssh: handshake failed: ssh: unable to authenticate, attempted methods [none publickey], "
         "no supported methods remain",
         ERR_DENIED},
        {"fatal: '/a' does not appear to be a git repository\n", "repository not found",
         ERR_NOT_FOUND},
        {"ssh: connect to host h port 22: Connection refused\nfatal: Could not read\n",
         "ssh: connect to host h port 22: Connection refused", ERR_TRANSIENT},
        {"remote: u: Permission denied (x).\nfatal: no\n", NULL, ERR_TRANSIENT},
        {"fatal: the remote end hung up\n", NULL, ERR_TRANSIENT},
        {"", NULL, ERR_TRANSIENT},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        err *e AUTO(err_done) = ssh_error(str_of(rows[i].said));
        if (!rows[i].text) {
            assert_null(e);
            continue;
        }
        if (!e) fail_msg("'%s' is no error", rows[i].said);
        assert_string_equal(e->message, rows[i].text);
        assert_int_equal(e->kind, rows[i].kind);
    }
}

#define SHA "0123456789abcdef0123456789abcdef01234567"

static void test_answers(void **state UNUSED)
{
    static const struct {
        const char *bytes;
        int count; /* -1: an error */
    } rows[] = {
        {"000eversion 2\n000cls-refs\n0000"
         "003d" SHA " refs/heads/main\n0000",
         1},
        {"000eversion 2\n0000"
         "0000",
         0},
        {"003d" SHA " refs/heads/main\n0000", 1},
        {"003d" SHA " refs/heads/main\n0000001bERR upload-pack: no\n", 1},
        {"000eversion 2\n0000", -1},
        {"000eversion 2\n0000003d" SHA " refs/heads/main\n", -1},
        {"003d" SHA " refs/heads/main\n", -1},
        {"Welcome to h\n", -1},
        {"0011ERR not here\n0000", -1},
        {"", -1},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        arena a AUTO(arena_done) = {0};
        struct reflist listing;
        err *e AUTO(err_done) = sshpoll_parse(&a, str_of(rows[i].bytes), &listing);
        if (!e != (rows[i].count >= 0)) fail_msg("'%s'", rows[i].bytes);
        if (!e) assert_int_equal(listing.count, rows[i].count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),    cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_files),   cmocka_unit_test(test_sayings),
        cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
