#pragma once
/*
 * A roster is an array whose rows are written in many files and gathered by
 * the linker. Rows have static storage and are never changed. The order is the
 * link order, so whoever reads a roster sorts it by name once, at startup.
 *
 * Rows live in objects that are linked directly; an object inside a static
 * library that nothing else refers to would be dropped, so we link no archives.
 */
#define ROSTER(table, type)                                                                        \
    extern const type *const __start_roster_##table[] __attribute__((weak));                       \
    extern const type *const __stop_roster_##table[] __attribute__((weak))

#define ROSTER_ROW(table, type, ident)                                                             \
    static const type ident;                                                                       \
    __attribute__((used, retain, section("roster_" #table)))                                       \
    static const type *const ident##_row = &ident;                                                 \
    static const type ident

#define ROSTER_EACH(table, type, it)                                                               \
    for (const type *const *it = __start_roster_##table; it < __stop_roster_##table; it++)
