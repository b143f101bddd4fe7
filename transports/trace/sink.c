/* SPDX-License-Identifier: Apache-2.0
 *
 * Where records go: a file opened for appending, or the log.
 *
 * Only regular files, so that no write waits for a reader. Any thread; a record is one write.
 */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

pipc_result trace_fail(const struct pipc_host *host, struct pipc_error *err, pipc_result result,
                       int os_code, const char *format, ...)
{
    char text[PIPC_ERROR_TEXT_LEN];
    va_list arguments;

    if (!err)
        return result;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    host->error_set(host, err, result, os_code, text);
    return result;
}

pipc_result trace_sink_open(struct trace_instance *instance, const char *path,
                            struct pipc_error *err)
{
    struct stat now;
    const int fd = open(
        path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);

    if (fd < 0)
        return trace_fail(instance->host, err, PIPC_ERR_CONFIG, errno,
                          "trace: option to: %.150s cannot be opened for writing", path);
    if (fstat(fd, &now) != 0 || !S_ISREG(now.st_mode)) {
        (void)close(fd);
        return trace_fail(instance->host, err, PIPC_ERR_CONFIG, 0,
                          "trace: option to: %.150s is no regular file", path);
    }
    if (instance->format == TRACE_PCAPNG && !trace_pcapng_begin(fd)) {
        const int code = errno;
        (void)close(fd);
        return trace_fail(instance->host, err, PIPC_ERR_CONFIG, code,
                          "trace: option to: %.150s cannot be written", path);
    }
    instance->fd = fd;
    return PIPC_OK;
}

void trace_sink_lost(struct trace_instance *instance, int os_code)
{
    char text[96];

    if (__atomic_fetch_add(&instance->lost, 1, __ATOMIC_RELAXED) > 0)
        return;
    (void)snprintf(text, sizeof(text),
                   "a record could not be written (system error %d); later ones are not reported",
                   os_code);
    instance->host->log(instance->host, PIPC_LOG_WARNING, text);
}

void trace_sink_line(struct trace_instance *instance, char *line, size_t len)
{
    ssize_t done;

    if (instance->fd < 0) {
        instance->host->log(instance->host, PIPC_LOG_INFO, line);
        return;
    }
    line[len] = '\n';
    do
        done = write(instance->fd, line, len + 1);
    while (done < 0 && errno == EINTR);
    if (done < 0 || (size_t)done != len + 1)
        trace_sink_lost(instance, done < 0 ? errno : 0);
}

uint64_t trace_time_us(void)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}
