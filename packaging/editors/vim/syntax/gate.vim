" Vim syntax file for callgate's policies (*.gate).
" Made by `cargo xtask codegen`, from the words that the parser reads by.
if exists("b:current_syntax")
  finish
endif

syntax match gateStatement /^\s*\%(load-flags\|baseline\|listener\|default\|foreign\|include\|machine\|always\|groups\|policy\|group\|arch\|libc\|test\|use\|on\)\>/
syntax match gateStatement /[{;]\@1<=\s*\%(load-flags\|baseline\|listener\|default\|foreign\|include\|machine\|always\|groups\|policy\|group\|arch\|libc\|test\|use\|on\)\>/
syntax match gateVerdict /\%(\%(^\|{\)\s*\%(always\s\+\)\=\|->\s*\|\<\%(default\|foreign\|else\)\s\+\)\@<=\%(kill-thread\|enosys\|notify\|allow\|errno\|trace\|kill\|trap\|log\|raw\)\>-\@!/
syntax keyword gateOperator where because and or not nr linux else without full low32 cap kernel in has any none only
syntax match gateOperator /==\|!=\|<=\|>=\|->\|\.\.\|[<>|&]/
syntax match gateConstant /\<[A-Z][A-Z0-9_]\+\>/
syntax match gateNumber /\<\%(0[xX][0-9a-fA-F_]\+\|0[oO][0-7_]\+\|0[bB][01_]\+\|\d[0-9_]*\%(\.\d\+\)*\)\>/
syntax match gateBlock /@[A-Za-z0-9_][A-Za-z0-9_.-]*/
syntax match gateFamily /\~[A-Za-z0-9_][A-Za-z0-9_.-]*/
syntax region gateText start=/"/ skip=/\\./ end=/"/ oneline
syntax match gateComment /#.*$/ contains=@Spell
syntax match gateProvenance /#@.*$/

highlight default link gateStatement Statement
highlight default link gateVerdict Keyword
highlight default link gateOperator Operator
highlight default link gateConstant Constant
highlight default link gateNumber Number
highlight default link gateBlock Type
highlight default link gateFamily Type
highlight default link gateText String
highlight default link gateComment Comment
highlight default link gateProvenance SpecialComment

let b:current_syntax = "gate"
