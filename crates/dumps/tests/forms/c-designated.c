static const struct sock_filter filter[11] = {
	[0] = { .code = 0x20, .jt = 0, .jf = 0, .k = 0x4U },
	[1] = { .code = 0x15, .jt = 0, .jf = 8, .k = 0xc000003eU },
	[2] = { .code = 0x20, .jt = 0, .jf = 0, .k = 0x0U },
	[3] = { .code = 0x35, .jt = 6, .jf = 0, .k = 0x40000000U },
	[4] = { .code = 0x15, .jt = 4, .jf = 0, .k = 0x1U },
	[5] = { .code = 0x15, .jt = 3, .jf = 0, .k = 0x3U },
	[6] = { .code = 0x15, .jt = 2, .jf = 0, .k = 0x20U },
	[7] = { .code = 0x15, .jt = 1, .jf = 0, .k = 0x3cU },
	[8] = { .code = 0x6, .jt = 0, .jf = 0, .k = 0x50005U },
	[9] = { .code = 0x6, .jt = 0, .jf = 0, .k = 0x7fff0000U },
	[10] = { .code = 0x6, .jt = 0, .jf = 0, .k = 0x0U },
};
