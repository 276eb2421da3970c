/* tag_store: what is kept of a scan comes back whole, or not at all. */
#include "image/tag_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fs.h"

struct fixture {
    arena a;
    str storage, file;
};

static int setup(void **state)
{
    struct fixture *f = lang_zalloc(sizeof *f);
    const char *folder = getenv("TMPDIR");
    assert_null(fs_temp_dir(&f->a, str_of(folder ? folder : "/tmp"), STR("tags-"), &f->storage));
    f->file = fs_join(&f->a, f->storage, STR("imagerepository/ns/app/tags.txt"));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    assert_null(fs_remove_tree(f->storage));
    arena_done(&f->a);
    free(f);
    return 0;
}

static struct tag_list list_of(struct fixture *f, const char *text)
{
    str *items = NULL, rest = str_of(text), tag;
    size_t count = 0, room = 0;
    while (str_next(&rest, ' ', &tag))
        if (tag.len) *ARENA_PUSH(&f->a, items, count, room) = tag;
    return tag_store_order(&f->a, items, count);
}

static struct tag_list load(struct fixture *f)
{
    struct tag_list list;
    assert_null(tag_store_load(&f->a, f->storage, STR("ns"), STR("app"), &list));
    return list;
}

static struct tag_list save(struct fixture *f, const char *text)
{
    struct tag_list list = list_of(f, text);
    assert_null(tag_store_save(f->storage, STR("ns"), STR("app"), &list));
    return list;
}

static void orders_tags(void **state)
{
    struct fixture *f = *state;
    struct tag_list list = list_of(f, "b a C b 10 9 a");
    static const char *const want[] = {"b", "a", "C", "9", "10"};
    assert_int_equal(list.count, COUNT(want));
    for (size_t i = 0; i < COUNT(want); i++)
        assert_true(str_is(list.items[i], want[i]));
    assert_true(str_eq(list.revision, list_of(f, "10 9 C a b").revision));
    assert_false(str_eq(list.revision, list_of(f, "10 9 C a").revision));
    assert_false(str_eq(list_of(f, "").revision, list_of(f, "a").revision));
}

static void gives_back_what_was_saved(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(load(f).revision.len, 0);
    struct tag_list saved = save(f, "1.0.0 1.1.0 latest"), kept = load(f);
    assert_int_equal(kept.count, 3);
    assert_true(str_eq(kept.revision, saved.revision));
    for (size_t i = 0; i < kept.count; i++)
        assert_true(str_eq(kept.items[i], saved.items[i]));
    saved = save(f, "");
    assert_int_equal(load(f).count, 0);
    assert_true(str_eq(load(f).revision, saved.revision)); /* empty, but known */
    struct stat st;
    assert_int_equal(stat(str_z(&f->a, f->file), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_null(tag_store_remove(f->storage, STR("ns"), STR("app")));
    assert_null(tag_store_remove(f->storage, STR("ns"), STR("app")));
    assert_int_equal(load(f).revision.len, 0);
}

/* Whatever is done to the file, no list is made up from it. */
static void knows_damage(void **state)
{
    struct fixture *f = *state;
    save(f, "1.0.0 1.1.0 2.0.0");
    str whole;
    assert_null(fs_read(&f->a, f->file, 4096, &whole));
    for (size_t len = 0; len < whole.len; len++) {
        assert_null(fs_write(f->file, str_head(whole, len), 0600));
        assert_int_equal(load(f).count, 0);
    }
    for (size_t i = 0; i < whole.len; i++) {
        char *bytes = str_z(&f->a, whole);
        bytes[i] ^= 1;
        assert_null(fs_write(f->file, str_from(bytes, whole.len), 0600));
        assert_int_equal(load(f).count, 0);
    }
    assert_null(fs_write(f->file, whole, 0600));
    assert_int_equal(load(f).count, 3);
}

static void keeps_a_hundred_thousand(void **state)
{
    struct fixture *f = *state;
    size_t count = 100000;
    str *items = NEW_ARRAY(&f->a, str, count);
    for (size_t i = 0; i < count; i++)
        items[i] = str_printf(&f->a, "1.%zu.%zu", i / 1000, i % 1000);
    struct tag_list list = tag_store_order(&f->a, items, count);
    assert_null(tag_store_save(f->storage, STR("ns"), STR("app"), &list));
    assert_int_equal(load(f).count, count);
}

#define STORED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {STORED(orders_tags), STORED(gives_back_what_was_saved),
                                       STORED(knows_damage), STORED(keeps_a_hundred_thousand)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
