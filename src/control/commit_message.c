#include "control/commit_message.h"

#include "base/limits.h"
#include "tmpl/tmpl_exec.h"

#define DEFAULT "Update from image update automation"
#define NAME    "commit message"
/* The page's address, which the reference's text has at its end. */
#define PAGE "https://fluxcd.io/flux/components/image/imageupdateautomations/"
#define HELP "See: " PAGE "#message-template"

struct composing {
    arena *a;
    const struct image_edit *edit;
    struct tmpl_value file_changes, objects, changes;
};

static struct tmpl_value change_of(arena *a, const struct setter_change *change)
{
    struct tmpl_value value = tmpl_map_new(a, "update.Change");
    tmpl_put_str(a, value, "OldValue", change->old_value);
    tmpl_put_str(a, value, "NewValue", change->new_value);
    tmpl_put_str(a, value, "Setter", change->setter);
    return value;
}

/* As the reference prints it: {{apiVersion kind} {name namespace}} has its fields at the top. */
static struct tmpl_value object_of(arena *a, const struct setter_object *object)
{
    struct tmpl_value value = tmpl_map_new(a, "update.ObjectIdentifier");
    tmpl_put_str(a, value, "APIVersion", object->api_version);
    tmpl_put_str(a, value, "Kind", object->kind);
    tmpl_put_str(a, value, "Name", object->name);
    tmpl_put_str(a, value, "Namespace", object->namespace);
    return value;
}

/* The list under an object, which is added when it is missing. */
static struct tmpl_value changes_at(arena *a, struct tmpl_value objects, struct tmpl_value object)
{
    for (size_t i = 0; i < objects.map->count; i++) {
        if (tmpl_equal(objects.map->pairs[i].key, object)) return objects.map->pairs[i].value;
    }
    struct tmpl_value list = tmpl_list_new(a);
    tmpl_put(a, objects, object, list);
    return list;
}

static bool is_listed(struct tmpl_value list, struct tmpl_value item)
{
    for (size_t i = 0; i < list.list->count; i++) {
        if (tmpl_equal(list.list->items[i], item)) return true;
    }
    return false;
}

static void add_change(struct composing *c, struct tmpl_value in_file,
                       const struct setter_change *change)
{
    struct tmpl_value value = change_of(c->a, change), object = object_of(c->a, &change->object);
    tmpl_push(c->a, changes_at(c->a, in_file, object), value);
    tmpl_push(c->a, changes_at(c->a, c->objects, object), value);
    /* What is compared with everything before has to be bounded. */
    bool many = c->changes.list->count >= LIMIT_TEMPLATE_SPLIT;
    if (!many && !is_listed(c->changes, value)) tmpl_push(c->a, c->changes, value);
}

static void add_files(struct composing *c)
{
    size_t left = LIMIT_TEMPLATE_SPLIT;
    for (size_t i = 0; i < c->edit->count; i++) {
        const struct image_edit_file *file = &c->edit->edits[i];
        struct tmpl_value in_file = tmpl_map_new(c->a, NULL);
        for (size_t k = 0; k < file->count && left > 0; k++, left--)
            add_change(c, in_file, &file->changes[k]);
        tmpl_put(c->a, c->file_changes, tmpl_str(file->path), in_file);
    }
}

static struct tmpl_value data_of(struct work *work, const node *values,
                                 const struct image_edit *edit)
{
    arena *a = work->a;
    struct composing c = {a, edit, tmpl_map_new(a, NULL), tmpl_map_new(a, NULL), tmpl_list_new(a)};
    struct tmpl_value data = tmpl_map_new(a, "source.TemplateData");
    struct tmpl_value automation = tmpl_map_new(a, "types.NamespacedName");
    struct tmpl_value changed = tmpl_map_new(a, "update.ResultV2");
    add_files(&c);
    tmpl_put_str(a, automation, "Namespace", work->namespace);
    tmpl_put_str(a, automation, "Name", work->name);
    automation.map->shown =
        str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(work->namespace), STR_ARG(work->name));
    tmpl_put(a, changed, tmpl_str(STR("FileChanges")), c.file_changes);
    tmpl_put(a, changed, tmpl_str(STR("Objects")), c.objects);
    tmpl_put(a, changed, tmpl_str(STR("Changes")), c.changes);
    tmpl_put(a, data, tmpl_str(STR("AutomationObject")), automation);
    tmpl_put(a, data, tmpl_str(STR("Changed")), changed);
    tmpl_put(a, data, tmpl_str(STR("Values")),
             values ? tmpl_from_node(a, values) : tmpl_map_new(a, NULL));
    return data;
}

/* Fields that the language once had: what to write instead is worth more than "can't evaluate". */
static err *removed_field(const err *e)
{
    str text = err_text(e);
    if (str_find(text, STR("can't evaluate field Updated in type")) >= 0) {
        return err_new(
            ERR_INVALID, "RemovedTemplateField",
            "template uses removed '.Updated' field. Please use '.Changed' instead. " HELP);
    }
    if (str_find(text, STR("can't evaluate field ImageResult in type")) >= 0) {
        return err_new(ERR_INVALID, "RemovedTemplateField",
                       "template uses removed '.Changed.ImageResult' field. Please use "
                       "'.Changed.FileChanges' or '.Changed.Objects' instead. " HELP);
    }
    return NULL;
}

err *commit_message_make(struct work *work, str template, const node *values,
                         const struct image_edit *edit, str *out)
{
    struct tmpl *set = tmpl_parse_new(work->a);
    *out = STR(DEFAULT);
    if (!template.len) return NULL;
    err *e = tmpl_parse(set, STR(NAME), template);
    if (e) return err_wrap(e, "unable to create commit message template from spec");
    struct tmpl_run run = {.name = STR(NAME),
                           .data = data_of(work, values, edit),
                           .output_limit = LIMIT_COMMIT_MESSAGE_BYTES};
    e = tmpl_exec(set, work->a, &run, out);
    if (!e) return NULL;
    err *removed = removed_field(e);
    if (!removed) return err_wrap(e, "failed to run template from spec");
    err_free(e);
    return removed;
}
