#include "control/image_policies.h"

#include "doc/selector.h"

enum { NAME_MAX_BYTES = 512, TAG_MAX_BYTES = 128, DIGEST_MAX_BYTES = 256 };

static bool consists_of(str text, const char *punctuation)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && !str_has_char(str_of(punctuation), c)) return false;
    }
    return true;
}

/* The characters that references to images are made of. What else is in a status was not put there
 * by a registry, and is not written into files or commit messages. */
static bool is_possible(const struct setter_image *image)
{
    return image->name.len && image->name.len <= NAME_MAX_BYTES && image->tag.len &&
           image->tag.len <= TAG_MAX_BYTES && image->digest.len <= DIGEST_MAX_BYTES &&
           consists_of(image->name, "._-/:[]") && consists_of(image->tag, "._-") &&
           consists_of(image->digest, "+._-:");
}

static void take(arena *a, struct image_policies *out, const node *policy, size_t *room)
{
    node *ref = node_find(policy, "status", "latestRef", NULL);
    str name = node_find_str(policy, "metadata", "name", NULL);
    struct setter_image *image = NEW(a, struct setter_image);
    *image = (struct setter_image){node_get_str(ref, STR("name")), node_get_str(ref, STR("tag")),
                                   node_get_str(ref, STR("digest"))};
    if (!node_is_map(ref)) return;
    if (!is_possible(image)) {
        *ARENA_PUSH(a, out->refused, out->refused_count, *room) = str_printf(
            a, "the image of ImagePolicy '" STR_FMT "' has characters that no image can have",
            STR_ARG(name));
        return;
    }
    node *observed = node_map(a);
    node_set_str(a, observed, STR("name"), image->name);
    node_set_str(a, observed, STR("tag"), image->tag);
    if (image->digest.len) node_set_str(a, observed, STR("digest"), image->digest);
    node_set(a, out->observed, name, observed);
    map_put(&out->setters.by_name, name, image);
}

err *image_policies_choose(arena *a, str namespace, node *const *policies, size_t count,
                           const node *selector, struct image_policies *out)
{
    struct selector chosen;
    node *all = node_map(a);
    size_t room = 0;
    *out = (struct image_policies){.setters.namespace = namespace, .observed = node_map(a)};
    err *e = selector_from_node(a, selector ? selector : all, &chosen);
    if (e) {
        return err_because(err_wrap(e, "failed to parse policy selector"), "InvalidPolicySelector");
    }
    for (size_t i = 0; i < count; i++) {
        if (selector_match(&chosen, node_find(policies[i], "metadata", "labels", NULL)))
            take(a, out, policies[i], &room);
    }
    return NULL;
}

err *image_policies_read(struct work *work, const node *selector, struct image_policies *out)
{
    node **policies;
    size_t count;
    manager_list(work->manager, work->a, STR("ImagePolicy"), work->namespace, &policies, &count);
    return image_policies_choose(work->a, work->namespace, policies, count, selector, out);
}

void image_policies_done(struct image_policies *policies)
{
    map_done(&policies->setters.by_name);
}
