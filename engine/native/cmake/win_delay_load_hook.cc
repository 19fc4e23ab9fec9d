// The addon imports Node-API from "NODE.EXE", but the program that loads it may have another name (electron.exe).
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <delayimp.h>
#include <string.h>

static FARPROC WINAPI load_exe_hook(unsigned int event, DelayLoadInfo * info) {
    if (event != dliNotePreLoadLibrary || _stricmp(info->szDll, "node.exe") != 0) {
        return NULL;
    }
    return (FARPROC) GetModuleHandle(NULL);
}

extern "C" const PfnDliHook __pfnDliNotifyHook2 = load_exe_hook;
