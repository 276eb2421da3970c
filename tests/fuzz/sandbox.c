/* Requests to the sandbox: the first line is "METHOD target type", the rest the body. Several are
 * separated by a line "---". Router, patches, managedFields and schemas of CRDs are all behind it.
 */
#include <stdint.h>

#include "sandbox/sandbox_api.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(struct sandbox_api *api, str text)
{
    arena a AUTO(arena_done) = {0};
    str line, body, method, target, type = {0}, path, query = {0};
    str_cut(text, '\n', &line, &body);
    if (!str_cut(line, ' ', &method, &target)) return;
    str_cut(target, ' ', &target, &type);
    str_cut(target, '?', &path, &query);
    struct sandbox_api_request request = {.method = method,
                                          .path = path,
                                          .query = query,
                                          .body = body,
                                          .content_type = type,
                                          .authorization = STR("Bearer t"),
                                          .user_agent = STR("fuzz/1")};
    struct httpd_answer answer = {0};
    sandbox_api_answer(api, &a, &request, &answer);
    must(answer.status >= 200);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const str groups[] = {{"system:masters", 14}};
    static const struct sandbox_api_user user = {{"t", 1}, {"t", 1}, groups, 1};
    struct world world = {.store = store_new()};
    world.served = served_new(world.store);
    struct sandbox_api api = {.world = &world, .users = &user, .user_count = 1, .audit_fd = -1};
    str rest = str_from((const char *)data, size);
    while (rest.len) {
        ptrdiff_t end = str_find(rest, STR("\n---\n"));
        ask(&api, end < 0 ? rest : str_head(rest, (size_t)end));
        rest = end < 0 ? (str){0} : str_skip(rest, (size_t)end + 5);
    }
    served_free(world.served);
    store_free(world.store);
    return 0;
}
