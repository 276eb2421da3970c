#include "sandbox/body.h"

#include "doc/json.h"
#include "doc/yaml.h"
#include "sandbox/protobuf.h"

err *body_unsupported(const char *accepted)
{
    return err_with_status(err_new(ERR_INVALID, "UnsupportedMediaType",
                                   "the body of the request was in an unknown format - accepted "
                                   "media types include: %s",
                                   accepted),
                           415);
}

/* Takes the error. */
static err *unreadable(const struct call *call, err *e)
{
    if (!e) return NULL;
    str why = str_dup(call->a, err_text(e));
    err_free(e);
    return world_bad_request("error decoding patch or object: " STR_FMT, STR_ARG(why));
}

static err *parse(const struct call *call, bool yaml, node **out)
{
    if (yaml)
        return unreadable(
            call, yaml_parse(call->a, call->body, (struct yaml_options){.last_wins = true}, out));
    return unreadable(
        call, json_parse(call->a, call->body, (struct json_options){.last_wins = true}, out));
}

err *body_object(const struct call *call, node **out)
{
    str type, parameters;
    str_cut(call->content_type, ';', &type, &parameters);
    type = str_trim(type);
    bool custom = call->served && call->served->custom && call->verb <= CALL_UPDATE;
    if (str_is(type, PROTOBUF_TYPE) && !custom) {
        TRY(unreadable(call, protobuf_read(call->a, call->body, out)));
        if (!node_is_too_deep(*out)) return NULL;
        return world_bad_request("the object is nested too deeply");
    }
    bool yaml = str_is(type, "application/yaml");
    if (!type.len || yaml || str_is(type, "application/json")) return parse(call, yaml, out);
    return body_unsupported(custom ? "application/json, application/yaml"
                                   : "application/json, application/yaml, " PROTOBUF_TYPE);
}

err *body_patch(const struct call *call, node **out)
{
    return parse(call, str_ends(call->content_type, STR("yaml")), out);
}
