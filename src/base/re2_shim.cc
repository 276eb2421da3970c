#include "base/re2_shim.h"

#include <re2/re2.h>

#include <string>
#include <vector>

using re2::RE2;
using re2::StringPiece;

static const RE2 &expression_of(const void *expression)
{
    return *static_cast<const RE2 *>(expression);
}

void *re2_shim_new(const char *pattern, size_t len)
{
    return new RE2(StringPiece(pattern, len), RE2::Quiet);
}

void re2_shim_free(void *expression)
{
    delete static_cast<RE2 *>(expression);
}

static enum re2_shim_error error_of(RE2::ErrorCode code)
{
    switch (code) {
    case RE2::NoError: return RE2_SHIM_OK;
    case RE2::ErrorBadEscape: return RE2_SHIM_BAD_ESCAPE;
    case RE2::ErrorBadCharClass: return RE2_SHIM_BAD_CLASS;
    case RE2::ErrorBadCharRange: return RE2_SHIM_BAD_RANGE;
    case RE2::ErrorMissingBracket: return RE2_SHIM_NO_BRACKET;
    case RE2::ErrorMissingParen: return RE2_SHIM_NO_PAREN;
    case RE2::ErrorUnexpectedParen: return RE2_SHIM_EXTRA_PAREN;
    case RE2::ErrorTrailingBackslash: return RE2_SHIM_TRAILING_BACKSLASH;
    case RE2::ErrorRepeatArgument: return RE2_SHIM_REPEAT_NOTHING;
    case RE2::ErrorRepeatSize: return RE2_SHIM_REPEAT_SIZE;
    case RE2::ErrorRepeatOp: return RE2_SHIM_REPEAT_REPEAT;
    case RE2::ErrorBadPerlOp: return RE2_SHIM_BAD_PERL;
    case RE2::ErrorBadUTF8: return RE2_SHIM_BAD_UTF8;
    case RE2::ErrorBadNamedCapture: return RE2_SHIM_BAD_NAME;
    case RE2::ErrorPatternTooLarge: return RE2_SHIM_TOO_LARGE;
    default: return RE2_SHIM_INTERNAL;
    }
}

enum re2_shim_error re2_shim_error(const void *expression, const char **fault, size_t *fault_len)
{
    const RE2 &re = expression_of(expression);
    *fault = re.error_arg().data();
    *fault_len = re.error_arg().size();
    return error_of(re.error_code());
}

size_t re2_shim_groups(const void *expression)
{
    return static_cast<size_t>(expression_of(expression).NumberOfCapturingGroups());
}

size_t re2_shim_group(const void *expression, const char *name, size_t len)
{
    const auto &names = expression_of(expression).NamedCapturingGroups();
    auto found = names.find(std::string(name, len));
    return found == names.end() ? 0 : static_cast<size_t>(found->second);
}

bool re2_shim_find(const void *expression, const char *text, size_t len, size_t from,
                   struct re2_shim_span *groups, size_t group_count)
{
    std::vector<StringPiece> found(group_count);
    StringPiece subject(text ? text : "", len); /* an empty match has a place, too */
    if (!expression_of(expression).Match(subject, from, len, RE2::UNANCHORED, found.data(),
                                         static_cast<int>(group_count)))
        return false;
    for (size_t i = 0; i < group_count; i++) groups[i] = {found[i].data(), found[i].size()};
    return true;
}
