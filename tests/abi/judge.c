/* SPDX-License-Identifier: Apache-2.0
 *
 * The older core: judges module files by the frozen rules in v1/core, against the frozen headers.
 * One line a file: its name, "accepted", or the sentence of the refusal.
 */
#include "module/descriptor.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static void judge(const char *path)
{
    const char *const slash = strrchr(path, '/'), *const file = slash ? slash + 1 : path;
    char name[64], symbol[96];
    struct pipc_error err = PIPC_ERROR_INIT;
    void *const handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(file, "."), file);
    snprintf(symbol, sizeof(symbol), "pipc_module_%s", name);
    const struct pipc_module *const module = handle ? dlsym(handle, symbol) : NULL;
    if (!module)
        printf("%s no descriptor: %s\n", name, dlerror());
    else if (pipci_module_judge(module, 4096, 0, name, name, &err) == PIPC_OK)
        printf("%s accepted\n", name);
    else
        printf("%s\n", err.text);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        judge(argv[i]);
    return 0;
}
