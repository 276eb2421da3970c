/* push, change, pgpkey, sshkey: what git says, names in commits, keys that are locked. */
#include "git/push.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/b64.h"
#include "base/fs.h"
#include "git/change.h"
#include "git/pgpkey.h"
#include "git/sshkey.h"

static const struct {
    const char *line, *reason;
    bool moved;
} lines[] = {
    {"!\tsrc:refs/heads/main\t[rejected] (fetch first)", "fetch first", true},
    {"!\tsrc:refs/heads/main\t[rejected] (non-fast-forward)", "non-fast-forward", true},
    {"!\tsrc:refs/heads/main\t[remote rejected] (failed to update ref)", "failed to update ref",
     true},
    {"!\tsrc:refs/heads/main\t[remote rejected] (cannot lock ref 'refs/heads/main': is at a but "
     "expected b)",
     "cannot lock ref 'refs/heads/main': is at a but expected b", true},
    {"!\tsrc:refs/heads/main\t[remote rejected] (pre-receive hook declined)",
     "pre-receive hook declined", false},
    {"!\tsrc:refs/heads/main\t[remote rejected] (protected branch)", "protected branch", false},
    {"!\tsrc:refs/heads/main\t[no match]", "[no match]", false},
    {"=\tsrc:refs/heads/main\t[up to date]", NULL, false},
    {" \tsrc:refs/heads/main\ta..b", NULL, false},
    {"To http://x/y.git", NULL, false},
    {"!\t", NULL, false},
    {"", NULL, false},
};

static void reads_porcelain(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        str reason = {0};
        bool moved = false, failed = push_read_line(str_of(lines[i].line), &reason, &moved);
        assert_int_equal(failed, lines[i].reason != NULL);
        if (!failed) continue;
        assert_true(str_is(reason, lines[i].reason));
        assert_int_equal(moved, lines[i].moved);
    }
}

static void names_cannot_break_the_header(void **state)
{
    (void)state;
    static const char *const bad[] = {"a\nparent 0", "a\rb", "a <b", "a> 0 +0000",
                                      "a\tb",        "\x7f", "\xff"};
    assert_null(change_check_person(STR("J\xc3\xb6rg O'Neil, jr. \"x\"")));
    assert_null(change_check_person((str){0}));
    for (size_t i = 0; i < COUNT(bad); i++) {
        err *e = change_check_person(str_of(bad[i]));
        assert_true(err_is(e, ERR_INVALID));
        err_free(e);
    }
}

static str armored(arena *a, const char *file)
{
    str bytes;
    assert_null(fs_read(a, str_printf(a, "tests/fuzz/corpus/pgpkey/%s", file), 1 << 16, &bytes));
    if (bytes.data[0] != 'B') return bytes;
    return str_printf(a,
                      "-----BEGIN PGP PRIVATE KEY BLOCK-----\nComment: none\n\n" STR_FMT
                      "\n-----END PGP PRIVATE KEY BLOCK-----\n",
                      STR_ARG(b64_encode(a, str_skip(bytes, 1))));
}

static void keys_are_read_and_sign(void **state)
{
    (void)state;
    static const char *const files[] = {"01", "02", "03", "04", "05"};
    for (size_t i = 0; i < COUNT(files); i++) {
        arena a AUTO(arena_done) = {0};
        struct pgpkey *key = NULL;
        str out;
        assert_null(pgpkey_read(armored(&a, files[i]), STR("secret"), &key));
        assert_null(pgpkey_sign(key, &a, STR("text"), 0, &out));
        assert_true(str_starts(out, STR("-----BEGIN PGP SIGNATURE-----\n\n")));
        assert_true(str_ends(out, STR("-----END PGP SIGNATURE-----\n")));
        pgpkey_free(key);
    }
}

static void reason_of(const char *file, const char *passphrase, str more, const char *reason)
{
    arena a AUTO(arena_done) = {0};
    struct pgpkey *key = NULL;
    str text = str_concat(&a, armored(&a, file), more);
    err *e AUTO(err_done) = pgpkey_read(text, str_of(passphrase), &key);
    assert_true(err_is(e, ERR_INVALID));
    assert_string_equal(e->reason, reason);
    assert_null(strstr(e->message, passphrase[0] ? passphrase : "secret"));
}

static void keys_that_do_not_open(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    struct pgpkey *key = NULL;
    reason_of("04", "", (str){0}, "Locked");
    reason_of("04", "wrongpass", (str){0}, "");
    str one, two;
    assert_null(fs_read(&a, STR("tests/fuzz/corpus/pgpkey/01"), 1 << 16, &one));
    assert_null(fs_read(&a, STR("tests/fuzz/corpus/pgpkey/03"), 1 << 16, &two));
    str both = str_concat(&a, str_skip(one, 1), str_skip(two, 1));
    str text = str_printf(&a, "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n" STR_FMT "\n-----END PGP",
                          STR_ARG(b64_encode(&a, both)));
    err *e AUTO(err_done) = pgpkey_read(text, (str){0}, &key);
    assert_string_equal(e->reason, "Several");
}

static void ssh_keys_say_whether_they_are_locked(void **state)
{
    (void)state;
    /* The heads of keys of both kinds; the rest is not looked at. */
    static const char open_key[] =
        "-----BEGIN OPENSSH PRIVATE KEY-----\n"
        "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"
        "-----END OPENSSH PRIVATE KEY-----\n";
    static const char locked_key[] =
        "-----BEGIN OPENSSH PRIVATE KEY-----\n"
        "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABAAAAAA\n"
        "-----END OPENSSH PRIVATE KEY-----\n";
    assert_false(sshkey_is_locked(str_of(open_key)));
    assert_true(sshkey_is_locked(str_of(locked_key)));
    assert_true(sshkey_is_locked(STR("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")));
    assert_true(sshkey_is_locked(STR("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n")));
    assert_false(sshkey_is_locked(STR("-----BEGIN RSA PRIVATE KEY-----\nx\n")));
    assert_false(sshkey_is_locked(STR("not a key")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_porcelain),
        cmocka_unit_test(names_cannot_break_the_header),
        cmocka_unit_test(keys_are_read_and_sign),
        cmocka_unit_test(keys_that_do_not_open),
        cmocka_unit_test(ssh_keys_say_whether_they_are_locked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
