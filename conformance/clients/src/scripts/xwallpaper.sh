cd /tmp; mkdir -p /tmp/.X11-unix
Xvfb :9 -screen 0 64x64x24 -fbdir /tmp > xerr 2>&1 & 
await test -S /tmp/.X11-unix/X9
printf 'P3 2 2 255 255 0 0 0 255 0 0 0 255 9 9 9\n' > x.ppm
printf '/* XPM */\nstatic char *x[] = {"2 2 2 1","a c #ff0000","b c #0000ff","ab","ba"};\n' > x.xpm
DISPLAY=:9 xwallpaper --tile x.xpm; echo set $?
tail -c 300 Xvfb_screen0 | od -An -tx1 | tail -2
