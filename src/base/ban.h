#pragma once
/*
 * Functions that fail to compile in this tree. The build includes this header
 * before every file. Each line says what to use instead.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <alloca.h>

#pragma GCC poison sprintf vsprintf                        /* str_printf, buf_printf */
#pragma GCC poison strcpy strcat strncpy strncat stpcpy    /* buf_add */
#pragma GCC poison strtok                                  /* str_cut */
#pragma GCC poison atoi atol atoll strtol strtoll strtoul strtoull /* str_to_int */
#pragma GCC poison gmtime localtime ctime asctime          /* clock_format */
#pragma GCC poison system popen                            /* gitrun_start */
#undef alloca
#pragma GCC poison alloca                                  /* arena_alloc */
#undef strdupa
#pragma GCC poison strdupa
