" Policies of callgate: how they are commented, completed and formatted.
if exists("b:did_ftplugin")
  finish
endif
let b:did_ftplugin = 1

setlocal commentstring=#\ %s
setlocal comments=:#@,:#
setlocal expandtab shiftwidth=4 softtabstop=4
" `gggqG` formats the file.
if executable("callgate")
  setlocal formatprg=callgate\ fmt\ -
endif

let b:undo_ftplugin = "setlocal commentstring< comments< expandtab< shiftwidth< softtabstop< formatprg<"
