/* SPDX-License-Identifier: Apache-2.0
 *
 * Marks of exported functions. Everything not marked is hidden (-fvisibility=hidden).
 */
#ifndef PIPC_EXPORT_H
#define PIPC_EXPORT_H

#if defined(_WIN32) && defined(PIPC_SHARED)
#ifdef PIPC_BUILDING
#define PIPC_API __declspec(dllexport)
#else
#define PIPC_API __declspec(dllimport)
#endif
#elif defined(__GNUC__) && !defined(_WIN32)
#define PIPC_API __attribute__((visibility("default")))
#else
#define PIPC_API
#endif

/* The one exported symbol of a module. Also correct where the module is linked in. */
#if defined(_WIN32) && defined(PIPC_MODULE_SHARED)
#define PIPC_MODULE_EXPORT __declspec(dllexport)
#elif defined(__GNUC__) && !defined(_WIN32)
#define PIPC_MODULE_EXPORT __attribute__((visibility("default")))
#else
#define PIPC_MODULE_EXPORT
#endif

/* A result that must be looked at. */
#if defined(__GNUC__)
#define PIPC_MUST_CHECK __attribute__((warn_unused_result))
#else
#define PIPC_MUST_CHECK
#endif

#endif
