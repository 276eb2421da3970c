#include "oci/tag_page.h"

#include "base/limits.h"
#include "doc/json.h"
#include "oci/reference.h"

err *tag_page_read(arena *a, str body, struct tag_page *all)
{
    node *answer;
    TRY(json_parse(a, body, (struct json_options){.last_wins = true, .borrow = true}, &answer));
    const node *list = node_get(answer, STR("tags"));
    if (list && !node_is_null(list) && !node_is_list(list))
        return err_invalid("'tags' of the answer is no list");
    NODE_EACH (list, item) {
        str tag;
        if (!node_to_str(item, &tag) || !reference_tag_is_valid(tag)) continue;
        if (all->count >= LIMIT_OCI_TAGS)
            return err_invalid("the repository has more than the limit of %d tags", LIMIT_OCI_TAGS);
        *ARENA_PUSH(a, all->tags, all->count, all->room) = tag;
    }
    return NULL;
}
