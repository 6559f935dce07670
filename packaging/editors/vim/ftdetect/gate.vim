" Policies of callgate, and tables of tests for them.
autocmd BufRead,BufNewFile *.gate setfiletype gate
