/* SPDX-License-Identifier: Apache-2.0
 *
 * Overlapped operations: started, fetched, cancelled.
 *
 * The system resets an operation's event at its start and sets it at its end, unless the start
 * fails at once. Whatever happens, nobody leaves here with an operation that the system may still
 * write to, except the one that np_op_started calls pending. The owner's thread.
 */
#include "np.h"

void np_op_prepare(struct np_op *op, HANDLE event)
{
    memset(&op->overlapped, 0, sizeof(op->overlapped));
    op->overlapped.hEvent = event;
    op->pending = false;
    op->thread = GetCurrentThreadId();
}

DWORD np_op_fetch(HANDLE pipe, struct np_op *op, DWORD *ret_len)
{
    op->pending = false;
    *ret_len = 0;
    return GetOverlappedResult(pipe, &op->overlapped, ret_len, FALSE) ? 0 : GetLastError();
}

DWORD np_op_started(HANDLE pipe, struct np_op *op, BOOL returned, DWORD *ret_len)
{
    const DWORD code = returned ? 0 : GetLastError();

    *ret_len = 0;
    op->pending = code == ERROR_IO_PENDING;
    /* What has moved bytes at once tells how many by way of the operation. */
    if (code == 0 || code == ERROR_MORE_DATA)
        return np_op_fetch(pipe, op, ret_len);
    return code;
}

DWORD np_op_cancel(HANDLE pipe, struct np_op *op, DWORD *ret_len)
{
    (void)CancelIoEx(pipe, &op->overlapped);
    /* The event may tell of another operation as well, so it does not end the wait by itself. */
    while (!np_op_complete(op))
        if (WaitForSingleObject(op->overlapped.hEvent, 1) != WAIT_TIMEOUT)
            (void)SwitchToThread();
    return np_op_fetch(pipe, op, ret_len);
}
