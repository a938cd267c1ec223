import os, time, json
from pathlib import Path
from tests.agent.programs import Vehicle, Terminal, until
from tests.agent.mounts import tmpfs
from tests.agent.line import *
from tests.agent.test_command_line import drive
import tests.agent.test_command_line as tcl
def test_it(tmp_path, monkeypatch):
    monkeypatch.setenv("MILEPOST_AGENT_UPLINK_TICK_S","0.5"); monkeypatch.setenv("MILEPOST_AGENT_SAMPLING_TOLERANCE_M","0")
    with tmpfs(tmp_path/"small","2m") as small:
        t=Terminal(); van=Vehicle(tmp_path,t.path)
        van.config.write_text(van.config.read_text().replace(str(van.buffer), str(small/"buffer.db"))); van.buffer=small/"buffer.db"
        with van.running() as p:
            t.say(drive(20)); until(lambda: van.status().get("fixes_committed")==20,"20")
            hog=small/"hog"
            with hog.open("wb",buffering=0) as f:
                try:
                    while f.write(bytes(4096)): pass
                except OSError: pass
            print(van.status()["buffer"])
            n=20
            lines=long(9000).splitlines(keepends=True); per=len(lines)//9000
            for k in range(20,9000,250):
                t.say(b"".join(lines[k*per:(k+250)*per])); 
                until(lambda: van.status().get("fixes_made",0)>=min(k+250,9000),"made")
            time.sleep(2); print(van.status()["buffer"], os.system(f"ls -la {small}; df {small}"))
            until(lambda: van.status()["buffer"]["state"]=="disk full","full")
            print(van.status()["buffer"], p.poll())
            a=time.monotonic(); hog.unlink(); until(lambda: van.status()["buffer"]["state"]=="disk","back"); print("back after",time.monotonic()-a, van.status()["buffer"])
            p.terminate(); assert p.wait(10)==0
        rows=van.exported(); print(len(rows), len({r["stream"] for r in rows}), len({r["time"] for r in rows}))
        assert len(rows)==len({r["time"] for r in rows})==9000
from tests.agent.test_command_line import sentence, rmc
def long(n):
    out=b""
    for i in range(n):
        h,m,s=12+i//3600,(i//60)%60,i%60
        out+=sentence(rmc(f"{h:02d}{m:02d}{s:02d}.00"))
    return out
