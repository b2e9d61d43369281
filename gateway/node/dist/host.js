import"./chunk-37BZZU57.js";var env={},waitUntil=()=>{throw new Error("waitUntil() is for the time of a request")},bind=host=>{bind=void 0,{env,waitUntil}=host};export{bind,env,waitUntil};
