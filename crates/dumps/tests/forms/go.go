var filter = []unix.SockFilter{
	{Code: 0x20, Jt: 0, Jf: 0, K: 0x4},
	{Code: 0x15, Jt: 0, Jf: 8, K: 0xc000003e},
	{Code: 0x20, Jt: 0, Jf: 0, K: 0x0},
	{Code: 0x35, Jt: 6, Jf: 0, K: 0x40000000},
	{Code: 0x15, Jt: 4, Jf: 0, K: 0x1},
	{Code: 0x15, Jt: 3, Jf: 0, K: 0x3},
	{Code: 0x15, Jt: 2, Jf: 0, K: 0x20},
	{Code: 0x15, Jt: 1, Jf: 0, K: 0x3c},
	{Code: 0x6, Jt: 0, Jf: 0, K: 0x50005},
	{Code: 0x6, Jt: 0, Jf: 0, K: 0x7fff0000},
	{Code: 0x6, Jt: 0, Jf: 0, K: 0x0},
}
